"""The suite against a real Saleor speaks documents all of its versions understand."""

from __future__ import annotations

import graphql
import pytest

from tests.saleor.documents import DOCUMENTS
from tests.shared import needs_schemas, saleor_schema

VERSIONS = ("3.21", "3.22", "3.23", "3.24-alpha")


@needs_schemas
@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid_in_this_saleor(version):
    schema = saleor_schema(version)
    wrong = {
        name: [error.message for error in errors]
        for name, document in DOCUMENTS.items()
        if (errors := graphql.validate(schema, graphql.parse(document)))
    }
    assert wrong == {}
