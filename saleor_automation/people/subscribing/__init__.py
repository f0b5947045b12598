"""Signing up: a wish to get mail, asked to be confirmed where it must be, defended against robots.

A request becomes a word in the ledger of consent, or nothing. Must not know links, pages or
how a mail leaves: a signal asks for the mail.
"""
