"""Everything durable: the database behind one writer thread, deployment packages by their hash.

Hides SQL, migrations, group commit, fsync, encryption at rest and the unpacking of zips nobody
vouches for. Functions are read from memory and written to disk. Start reading at `database.py`,
then `functions.py` and `deployment_packages.py`.
"""
