//! Stage session: how a session that was up came to an end.
