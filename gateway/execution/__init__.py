"""How an intent becomes commands on the engine's lane. Never talks to a venue itself."""
