"""The contract of the node command, as frozen data: what a node is asked for, where it runs, and how it ended.

The TFX side's counterpart is ``tfx_modules/node``; ``contracts/`` has the schemas that both follow.
"""
