"""What versions carry for others than model servers, in folders of its own beside the served folder.

Beside ``NAME/`` stands ``NAME.tflite/``, with a folder for each version that carries something for TFLite. A version's
comes by a rename when the version goes into service; versions after the one in service leave, as they leave the served
folder. So the largest number is that of the version in service, where that one carries any.
"""
