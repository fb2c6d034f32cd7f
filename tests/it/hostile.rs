//! What strangers and broken senders can do to the public listener: each is refused or cut off in
//! its time, and a good sender beside them is answered as if they were not there.

mod crowd;
mod framing;
mod pipelined;
mod slowness;
