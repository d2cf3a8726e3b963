"""Every way an order or a command comes in. A door checks form and identity; the engine decides."""
