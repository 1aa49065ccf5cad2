//! What targets need before they begin.

/// Has all work done by the thread that fuzzes: handing it to another costs more than most of it.
pub fn alone() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    let _ = pool.build_global();
}
