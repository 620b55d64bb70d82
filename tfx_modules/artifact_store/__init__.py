"""Keeps artifacts on an object store, with copies in the pipeline's folder of each machine.

ML Metadata has an artifact's path below the pipeline's folder, whether there is a store or not. With a store, the
artifact's property ``stored_as`` names what was stored of it: ``ADDRESS/NODE/OUTPUT/ID/STORED_AS``. Nothing there is
ever changed, so that ML Metadata's commit decides which of several tries counts
(docs/decisions/0050-artifacts-on-a-store.md).

    contents    describes the files of an artifact, and reads the description that is stored with them
    store       writes to the store and reads from it
    copies      keeps copies in the pipeline's folder, with locks and a limit
    staging     fetches what a node reads, and stores what it has made
    current     has the staging of the running node, for what TFX makes itself
"""
