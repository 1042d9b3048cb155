"""Does; never decides. One module per peer: the runtime, the SDK, the libraries, the collector."""
