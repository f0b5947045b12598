"""What the suite adds to Saleor for its tests: settings and fault points. Runs inside Saleor."""
