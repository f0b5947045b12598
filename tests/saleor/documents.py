"""What the suite says to Saleor: documents of its public GraphQL API, by name.

Each is valid in Saleor 3.21 to 3.24 (``tests/integration/test_saleor_documents.py`` asks the
schemas) and has one root field, so that an answer is read the same way everywhere.
"""

from __future__ import annotations

ERRORS = "errors { field code message }"


def _mutation(name: str, arguments: str, passed: str, selection: str = "") -> str:
    return f"mutation {name}({arguments}) {{ {name}({passed}) {{ {selection} {ERRORS} }} }}"


_CHECKOUT = "checkout { id email quantity shippingMethods { id } }"
_ORDER = "order { id number status isPaid userEmail lines { id quantity } fulfillments { id } }"

DOCUMENTS: dict[str, str] = {
    # --- staff ---------------------------------------------------------------------
    "tokenCreate": _mutation(
        "tokenCreate",
        "$email: String!, $password: String!",
        "email: $email, password: $password",
        "token user { id }",
    ),
    "appInstall": _mutation(
        "appInstall", "$input: AppInstallInput!", "input: $input", "appInstallation { id status }"
    ),
    "appsInstallations": "query { appsInstallations { id status message manifestUrl } }",
    "apps": """query {
      apps(first: 50, filter: { type: THIRDPARTY }) { edges { node {
        id identifier isActive name webhooks { id name isActive asyncEvents { eventType } }
      } } }
    }""",
    "appDelete": _mutation("appDelete", "$id: ID!", "id: $id", "app { id }"),
    "webhookUpdate": _mutation(
        "webhookUpdate", "$id: ID!, $input: WebhookUpdateInput!", "id: $id, input: $input"
    ),
    "deliveries": """query ($app: ID!) {
      app(id: $app) { webhooks { name
        failed: eventDeliveries(first: 100, filter: { status: FAILED }) { totalCount }
        pending: eventDeliveries(first: 100, filter: { status: PENDING }) { totalCount }
      } }
    }""",
    "plugin": """query ($id: ID!) {
      plugin(id: $id) { id globalConfiguration { active configuration { name value type } } }
    }""",
    "pluginUpdate": _mutation(
        "pluginUpdate",
        "$id: ID!, $input: PluginUpdateInput!",
        "id: $id, input: $input",
        "plugin { id globalConfiguration { active configuration { name value } } }",
    ),
    "shopSettingsUpdate": _mutation(
        "shopSettingsUpdate", "$input: ShopSettingsInput!", "input: $input", "shop { name }"
    ),
    "shop": "query { shop { name version } }",
    # --- goods ---------------------------------------------------------------------
    "channelCreate": _mutation(
        "channelCreate", "$input: ChannelCreateInput!", "input: $input", "channel { id slug }"
    ),
    "warehouseCreate": f"""mutation ($input: WarehouseCreateInput!) {{
      createWarehouse(input: $input) {{ warehouse {{ id }} {ERRORS} }}
    }}""",
    "shippingZoneCreate": _mutation(
        "shippingZoneCreate",
        "$input: ShippingZoneCreateInput!",
        "input: $input",
        "shippingZone { id }",
    ),
    "shippingPriceCreate": _mutation(
        "shippingPriceCreate",
        "$input: ShippingPriceInput!",
        "input: $input",
        "shippingMethod { id }",
    ),
    "shippingMethodChannelListingUpdate": _mutation(
        "shippingMethodChannelListingUpdate",
        "$id: ID!, $input: ShippingMethodChannelListingInput!",
        "id: $id, input: $input",
    ),
    "productTypeCreate": _mutation(
        "productTypeCreate", "$input: ProductTypeInput!", "input: $input", "productType { id }"
    ),
    "categoryCreate": _mutation(
        "categoryCreate", "$input: CategoryInput!", "input: $input", "category { id }"
    ),
    "productCreate": _mutation(
        "productCreate", "$input: ProductCreateInput!", "input: $input", "product { id }"
    ),
    "productChannelListingUpdate": _mutation(
        "productChannelListingUpdate",
        "$id: ID!, $input: ProductChannelListingUpdateInput!",
        "id: $id, input: $input",
    ),
    "productVariantCreate": _mutation(
        "productVariantCreate",
        "$input: ProductVariantCreateInput!",
        "input: $input",
        "productVariant { id }",
    ),
    "productVariantChannelListingUpdate": _mutation(
        "productVariantChannelListingUpdate",
        "$id: ID!, $input: [ProductVariantChannelListingAddInput!]!",
        "id: $id, input: $input",
    ),
    # --- shoppers ------------------------------------------------------------------
    "accountRegister": _mutation(
        "accountRegister", "$input: AccountRegisterInput!", "input: $input", "requiresConfirmation"
    ),
    "accountUpdate": _mutation(
        "accountUpdate", "$input: AccountInput!", "input: $input", "user { id }"
    ),
    "accountRequestDeletion": _mutation(
        "accountRequestDeletion",
        "$channel: String, $redirectUrl: String!",
        "channel: $channel, redirectUrl: $redirectUrl",
    ),
    "accountDelete": _mutation("accountDelete", "$token: String!", "token: $token", "user { id }"),
    "me": "query { me { id email } }",
    "checkoutCreate": _mutation(
        "checkoutCreate", "$input: CheckoutCreateInput!", "input: $input", _CHECKOUT
    ),
    "checkoutEmailUpdate": _mutation(
        "checkoutEmailUpdate", "$id: ID, $email: String!", "id: $id, email: $email", _CHECKOUT
    ),
    "checkoutLinesAdd": _mutation(
        "checkoutLinesAdd",
        "$id: ID, $lines: [CheckoutLineInput!]!",
        "id: $id, lines: $lines",
        _CHECKOUT,
    ),
    "checkoutShippingAddressUpdate": _mutation(
        "checkoutShippingAddressUpdate",
        "$id: ID, $address: AddressInput!",
        "id: $id, shippingAddress: $address",
        _CHECKOUT,
    ),
    "checkoutBillingAddressUpdate": _mutation(
        "checkoutBillingAddressUpdate",
        "$id: ID, $address: AddressInput!",
        "id: $id, billingAddress: $address",
        _CHECKOUT,
    ),
    "checkoutDeliveryMethodUpdate": _mutation(
        "checkoutDeliveryMethodUpdate",
        "$id: ID, $method: ID",
        "id: $id, deliveryMethodId: $method",
        _CHECKOUT,
    ),
    "checkoutComplete": _mutation("checkoutComplete", "$id: ID", "id: $id", _ORDER),
    "checkout": "query ($id: ID!) { checkout(id: $id) { id quantity email } }",
    # --- staff about customers and orders --------------------------------------------
    "customers": """query ($search: String!) {
      customers(first: 10, filter: { search: $search }) { edges { node {
        id email metadata { key value }
      } } }
    }""",
    "customerDelete": _mutation("customerDelete", "$id: ID!", "id: $id", "user { id }"),
    "customerUpdate": _mutation(
        "customerUpdate",
        "$id: ID!, $input: CustomerInput!",
        "id: $id, input: $input",
        "user { id }",
    ),
    "updateMetadata": _mutation(
        "updateMetadata",
        "$id: ID!, $input: [MetadataInput!]!",
        "id: $id, input: $input",
        "item { metadata { key value } }",
    ),
    "order": """query ($id: ID!) {
      order(id: $id) { id number status isPaid userEmail metadata { key value } }
    }""",
    "orders": """query ($filter: OrderFilterInput) {
      orders(first: 100, filter: $filter) { totalCount edges { node { id userEmail status } } }
    }""",
    "orderMarkAsPaid": _mutation("orderMarkAsPaid", "$id: ID!", "id: $id", _ORDER),
    "orderFulfill": _mutation(
        "orderFulfill",
        "$order: ID!, $input: OrderFulfillInput!",
        "order: $order, input: $input",
        f"{_ORDER} fulfillments {{ id status trackingNumber }}",
    ),
    "orderFulfillmentUpdateTracking": _mutation(
        "orderFulfillmentUpdateTracking",
        "$id: ID!, $input: FulfillmentUpdateTrackingInput!",
        "id: $id, input: $input",
        "fulfillment { id trackingNumber }",
    ),
    "orderCancel": _mutation("orderCancel", "$id: ID!", "id: $id", _ORDER),
    "orderRefund": _mutation(
        "orderRefund", "$id: ID!, $amount: PositiveDecimal!", "id: $id, amount: $amount", _ORDER
    ),
}
