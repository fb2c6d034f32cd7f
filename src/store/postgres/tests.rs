//! What is particular to a PostgreSQL database.
