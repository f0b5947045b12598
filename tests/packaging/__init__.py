"""What is shipped, and that it loads where it must."""
