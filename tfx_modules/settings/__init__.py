"""The pipeline's settings (``tfx_modules/settings.toml``): one frozen class for each section."""
