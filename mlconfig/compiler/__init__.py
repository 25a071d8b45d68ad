"""Recipe to plan: pure passes, and the checks that span sections or need a plugin's abilities."""
