//! Stage name: the server's name becomes an address.
