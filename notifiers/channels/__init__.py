"""One file per vendor's way to reach people. Vendor SDKs, codes and callback forms stay in here."""
