//! A page of a mapped file that is gone is read as zeroes, and remembered.
//!
//! Whoever shortens a file (or loses a network share) takes pages away from everyone who has mapped it: touching one
//! raises SIGBUS, which would end the process. The handler here puts an empty page in the place of one that lies in a
//! map of ours and sends any other fault on to whoever handled it before. What was read by then cannot be trusted:
//! [`Guard::was_hit`] tells, and the run ends with an error.

#![allow(unsafe_code, reason = "signals and pages: see each block")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// Watches one map for as long as it lives.
#[derive(Debug)]
pub(super) struct Guard {
    region: &'static Region,
}

/// Where a map lies. Never freed, since the handler may be looking at it; used again when its map is gone.
#[derive(Debug)]
struct Region {
    /// 0: of no map.
    start: AtomicUsize,
    end: AtomicUsize,
    hit: AtomicBool,
    taken: AtomicBool,
    next: *const Self,
}

// SAFETY: `next` is written once, before the region is published, and points to a region that is never freed.
unsafe impl Sync for Region {}

/// All regions, the newest first.
static REGIONS: AtomicPtr<Region> = AtomicPtr::new(ptr::null_mut());
static INSTALL: Once = Once::new();
static INSTALLED: AtomicBool = AtomicBool::new(false);
static PAGE: AtomicUsize = AtomicUsize::new(0);
static BEFORE: Before = Before(UnsafeCell::new(MaybeUninit::uninit()));

/// Who handled the signal before.
struct Before(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: written once, inside of `INSTALL`, before the handler that reads it can run.
unsafe impl Sync for Before {}

/// Bytes that are given up with the page that was touched: a file that lost 50 GB must not cost a signal a page.
const STRETCH: usize = 64 * 1024;

impl Guard {
    /// Watches over the pages of a map. `None` where the handler cannot be installed.
    pub(super) fn over(map: &[u8]) -> Option<Self> {
        INSTALL.call_once(install);
        if !INSTALLED.load(Ordering::Acquire) {
            return None;
        }
        let region = free_region().unwrap_or_else(new_region);
        region.hit.store(false, Ordering::Relaxed);
        region.end.store(map.as_ptr().addr().checked_add(map.len())?, Ordering::Relaxed);
        region.start.store(map.as_ptr().addr(), Ordering::Release);
        Some(Self { region })
    }

    /// Whether a page of the map was gone when it was read.
    pub(super) fn was_hit(&self) -> bool {
        self.region.hit.load(Ordering::Acquire)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.region.start.store(0, Ordering::Release);
        self.region.taken.store(false, Ordering::Release);
    }
}

fn regions() -> impl Iterator<Item = &'static Region> {
    let mut at: *const Region = REGIONS.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: null, or a region that was leaked in `new_region` and is never freed.
        let region = unsafe { at.as_ref() }?;
        at = region.next;
        Some(region)
    })
}

fn free_region() -> Option<&'static Region> {
    let take = |region: &&Region| {
        region.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    regions().find(take)
}

fn new_region() -> &'static Region {
    let region = Box::leak(Box::new(Region {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        hit: AtomicBool::new(false),
        taken: AtomicBool::new(true),
        next: ptr::null(),
    }));
    let own: *mut Region = region;
    let mut newest = REGIONS.load(Ordering::Acquire);
    loop {
        // SAFETY: just leaked, and not published: nobody else has it.
        unsafe { (*own).next = newest };
        match REGIONS.compare_exchange_weak(newest, own, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: leaked, so valid for ever; from here on only shared.
            Ok(_) => return unsafe { &*own },
            Err(other) => newest = other,
        }
    }
}

fn install() {
    // SAFETY: no memory is passed.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Ok(page) = usize::try_from(page) else { return };
    if !page.is_power_of_two() {
        return;
    }
    PAGE.store(page, Ordering::Release);
    // SAFETY: all zeroes is a valid `sigaction`: no handler, no flags, no signals blocked. `BEFORE` is written by this
    // one call, which `INSTALL` makes once; the handler is of the type that SA_SIGINFO asks for, and runs on the
    // alternate stack where the thread has one.
    let done = unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, &raw const action, BEFORE.0.get().cast())
    };
    INSTALLED.store(done == 0, Ordering::Release);
}

/// The handler's address as the system wants it.
#[allow(
    clippy::as_conversions,
    clippy::fn_to_numeric_cast_any,
    reason = "a function pointer to a number: no other way"
)]
fn handler() -> libc::sighandler_t {
    on_fault as *const () as libc::sighandler_t
}

/// Runs inside of the signal: takes no lock, allocates nothing, calls only what is async-signal-safe.
extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes a valid `siginfo_t` to a handler with SA_SIGINFO, and SIGBUS fills the address in.
    let address = unsafe { (*info).si_addr() }.addr();
    if !mend(address) {
        pass_on(signal, info, context);
    }
}

/// Puts empty pages where the file has none any more. `false` where the address is in no map of ours.
fn mend(address: usize) -> bool {
    let holds = |region: &&Region| {
        let start = region.start.load(Ordering::Acquire);
        start != 0 && start <= address && address < region.end.load(Ordering::Relaxed)
    };
    let Some(region) = regions().find(holds) else { return false };
    let page = PAGE.load(Ordering::Acquire);
    let from = address & !(page - 1);
    let end = region.end.load(Ordering::Relaxed).next_multiple_of(page);
    let length = STRETCH.max(page).min(end - from);
    region.hit.store(true, Ordering::Release);
    // SAFETY: `from..from + length` are whole pages of one map that is ours, lives on (this thread is reading it), and
    // is read-only: what is put there is read-only as well, and is unmapped with the rest. `mmap` is a system call that
    // touches no state of the library but `errno`, which no code can be about to read: the fault came from a load out
    // of the map.
    let put = unsafe {
        libc::mmap(
            ptr::with_exposed_provenance_mut(from),
            length,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
            -1,
            0,
        )
    };
    put != libc::MAP_FAILED
}

/// Does what would have been done without this handler.
fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: `BEFORE` was filled before this handler was installed. A handler found there is called as its flags say;
    // the default action is put back and happens when the instruction faults again.
    unsafe {
        let before = (*BEFORE.0.get()).assume_init_ref();
        match before.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {
                libc::sigaction(signal, before, ptr::null_mut());
            }
            address if before.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                    std::mem::transmute(address);
                handler(signal, info, context);
            }
            address => {
                let handler: extern "C" fn(libc::c_int) = std::mem::transmute(address);
                handler(signal);
            }
        }
    }
}
