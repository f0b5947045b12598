"""What people chose for themselves: topics, a pause, fewer mails, a language.

Topics are the shop's; what a person said about them stands in the ledger of consent. Must
not know links, pages or mails.
"""
