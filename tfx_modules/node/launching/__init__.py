"""What this project changes in TFX's Launcher."""
