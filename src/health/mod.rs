//! Floor 3: pure machines that remember how providers behave. Time is passed in; nothing here waits.

pub mod throttle;
