"""One file per destination; `adapter` is all that an adapter, ours or a stranger's, may import."""
