//! Every sender beside every other one: what each is answered whatever is right or wrong with what
//! it sends, and what the journal holds then.

mod storm;
mod table;
mod who;
mod wish;
