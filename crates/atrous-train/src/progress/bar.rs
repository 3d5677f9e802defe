//! A bar on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

const TEMPLATE: &str = "{msg}  {bar:30} {pos}/{len}  {rate} images/s  {eta} left";

#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar for `steps` steps, each over `images` pictures, `done` of which were done before.
    pub(super) fn new(steps: u64, done: u64, images: u64) -> Option<Self> {
        let bar = ProgressBar::new(steps).with_style(style(images)).with_message("starting").with_position(done);
        // The remaining time is estimated without the steps that were done before.
        bar.reset_eta();
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(500));
        }
        Some(Self(bar))
    }

    /// Sets the number of done steps and the message.
    pub(super) fn set(&self, step: u64, message: String) {
        self.0.set_message(message);
        self.0.set_position(step);
    }

    /// Prints a line above the bar.
    pub(super) fn println(&self, text: &str) {
        self.0.println(text);
    }
}

impl Drop for Bar {
    /// Removes the bar from the terminal.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(images: u64) -> ProgressStyle {
    let rate = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // An error of the terminal must not end the training.
        let _ = write!(out, "{:.1}", state.per_sec() * images as f64);
    };
    ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_valid_one() {
        let bar = ProgressBar::hidden().with_style(style(4));
        bar.set_message("epoch 1/2  loss 0.1");
        bar.inc(1);
        ProgressStyle::with_template(TEMPLATE).unwrap();
    }
}
