"""Will a mail to this address arrive, and does the shop want to write there?

Pure modules: ``verdicts``, ``syntax``, ``lists``, ``typos``, ``domains``, ``policy`` know
neither rows nor the clock nor the network. ``resolver`` asks the DNS, ``models`` keeps what
was found, ``services`` puts it together. Nothing here ever talks to a mail server.
"""
