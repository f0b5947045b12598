"""The plugin: its pure parts here, the rest inside a Saleor or a stand-in for one."""
