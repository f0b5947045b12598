"""The few words the product itself says to shoppers, in the shopper's language.

Knows words and names of months. The Studio's own interface is translated by gettext;
these are not, since a mail's language has nothing to do with the editor's.
"""

from __future__ import annotations

from datetime import date

__all__ = ["date_long", "phrase", "right_to_left"]

_PHRASES: dict[str, dict[str, str]] = {
    "total": {
        "en": "Total",
        "ms": "Jumlah",
        "de": "Summe",
        "es": "Total",
        "fr": "Total",
        "id": "Total",
        "it": "Totale",
        "nl": "Totaal",
        "pt": "Total",
    },
    "quantity": {
        "en": "Quantity",
        "ms": "Kuantiti",
        "de": "Menge",
        "es": "Cantidad",
        "fr": "Quantité",
        "id": "Jumlah",
        "it": "Quantità",
        "nl": "Aantal",
        "pt": "Quantidade",
    },
    "sold_out": {
        "en": "No longer available",
        "ms": "Tidak lagi tersedia",
        "de": "Nicht mehr erhältlich",
        "es": "Ya no disponible",
        "fr": "Plus disponible",
        "id": "Tidak tersedia lagi",
        "it": "Non più disponibile",
        "nl": "Niet meer verkrijgbaar",
        "pt": "Já não disponível",
    },
    "left": {
        "en": "In stock",
        "ms": "Dalam stok",
        "de": "Auf Lager",
        "es": "En existencias",
        "fr": "En stock",
        "id": "Stok tersedia",
        "it": "Disponibili",
        "nl": "Op voorraad",
        "pt": "Em estoque",
    },
    "unsubscribe": {
        "en": "Unsubscribe",
        "ms": "Berhenti melanggan",
        "de": "Abmelden",
        "es": "Darse de baja",
        "fr": "Se désabonner",
        "id": "Berhenti berlangganan",
        "it": "Annulla l’iscrizione",
        "nl": "Afmelden",
        "pt": "Cancelar inscrição",
    },
    "preferences": {
        "en": "Choose your mails",
        "ms": "Pilih e-mel anda",
        "de": "Mails auswählen",
        "es": "Elegir sus correos",
        "fr": "Choisir vos e-mails",
        "id": "Pilih email Anda",
        "it": "Scegli le tue e-mail",
        "nl": "Kies je mails",
        "pt": "Escolher seus e-mails",
    },
    "view": {
        "en": "View in browser",
        "ms": "Lihat dalam pelayar",
        "de": "Im Browser ansehen",
        "es": "Ver en el navegador",
        "fr": "Voir dans le navigateur",
        "id": "Lihat di peramban",
        "it": "Apri nel browser",
        "nl": "Bekijk in de browser",
        "pt": "Ver no navegador",
    },
}

_MONTHS: dict[str, str] = {
    "en": "January February March April May June July August September October November December",
    "ms": "Januari Februari Mac April Mei Jun Julai Ogos September Oktober November Disember",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
    "dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro "
    "dezembro",
}
_DATES: dict[str, str] = {
    "de": "{day}. {month} {year}",
    "es": "{day} de {month} de {year}",
    "pt": "{day} de {month} de {year}",
}


def base(language: str) -> str:
    """Return the language without its region: "pt-br" -> "pt"."""
    return language.replace("_", "-").split("-")[0].lower()


def phrase(name: str, language: str) -> str:
    """Return a phrase in ``language``, in English when we do not know it."""
    known = _PHRASES[name]
    return known.get(base(language), known["en"])


def month(number: int, language: str) -> str:
    """Return the name of month 1 to 12, in English when we do not know the language."""
    return _MONTHS.get(base(language), _MONTHS["en"]).split()[number - 1]


def date_long(value: date, language: str) -> str:
    """Return a date in words; in ISO form where we do not know the language."""
    if base(language) not in _MONTHS:
        return value.isoformat()[:10]
    pattern = _DATES.get(base(language), "{day} {month} {year}")
    return pattern.format(day=value.day, month=month(value.month, language), year=value.year)


def right_to_left(language: str) -> bool:
    """True when the language is written from right to left."""
    return base(language) in {"ar", "fa", "he", "ur"}
