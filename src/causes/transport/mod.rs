//! Stage transport: TCP, and the network below it.
