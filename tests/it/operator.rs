//! The private listener over real HTTP and a real store, and the commands that talk to it.

mod api;
mod bench;
mod commands;
mod health;
mod sample;
mod secrecy;
mod verbs;
mod who_may;
