"""Settings of the object stores that what runs make is kept on."""
