"""What the Trainer records of a training, for people who read of it later."""
