//! Reading and counting, on several threads.

use super::super::error::{DataError, Result};
use super::super::files::shown;
use super::super::info::SampleInfo;
use super::super::loader::Loader;
use super::super::options::OnBroken;
use super::super::random::{Purpose, Random};
use super::super::target::TargetKind;
use super::Survey;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

impl Survey {
    /// Surveys at most `most` samples.
    pub(super) fn read(loader: &Loader, most: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Self> {
        let chosen = choose(loader.dataset().len(), most);
        let mut survey = Self::empty(loader);
        for (index, info) in inspect_all(loader, &chosen, progress) {
            survey.count(loader, index, info)?;
        }
        survey.read = chosen.len();
        survey.count_known_classes(loader);
        match survey.first_broken {
            Some(first) if survey.broken == survey.read => Err(DataError::AllBroken { samples: survey.read, first }),
            _ => Ok(survey),
        }
    }

    /// The survey of a loader of which nothing was read yet.
    pub(super) fn empty(loader: &Loader) -> Self {
        let (dataset, kind) = (loader.dataset(), loader.targets().first().map(|target| target.kind));
        let classes = match kind {
            Some(TargetKind::Class { classes } | TargetKind::Mask { classes }) => classes,
            _ => 0,
        };
        let class_names = match dataset.class_names() {
            [] => (0..classes).map(|class| class.to_string()).collect(),
            names => names.to_vec(),
        };
        let (widths, heights) = ((u32::MAX, 0), (u32::MAX, 0));
        let pixels = matches!(kind, Some(TargetKind::Mask { .. }));
        let (samples, ignore_label, classes) =
            (dataset.len(), loader.options().ignore_label, vec![Default::default(); classes]);
        Self { samples, pixels, class_names, classes, ignore_label, widths, heights, ..Self::default() }
    }

    fn count(&mut self, loader: &Loader, index: usize, info: Result<SampleInfo>) -> Result<()> {
        let info = match info {
            Ok(info) => info,
            Err(error) if error.is_broken_sample() && loader.options().on_broken == OnBroken::Skip => {
                self.broken += 1;
                self.first_broken.get_or_insert_with(|| error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let describe = || loader.dataset().describe(index);
        for (label, labels) in info.labels {
            let count = match self.classes.get_mut(label as usize) {
                _ if label == self.ignore_label => &mut self.ignored,
                Some(count) => count,
                None => &mut self.outside.entry(label).or_insert_with(|| (Default::default(), describe())).0,
            };
            count.labels += labels;
            count.samples += 1;
        }
        let (width, height) = info.size;
        self.widths = (self.widths.0.min(width), self.widths.1.max(width));
        self.heights = (self.heights.0.min(height), self.heights.1.max(height));
        *self.channels.entry(info.channels).or_default() += 1;
        if info.turned_mask {
            self.turned += 1;
            let picture = || loader.dataset().files(index).first().map_or_else(describe, shown);
            self.first_turned.get_or_insert_with(|| (picture(), info.orientation));
        }
        Ok(())
    }

    /// Counts the classes of all samples where they are known without reading.
    fn count_known_classes(&mut self, loader: &Loader) {
        let dataset = loader.dataset();
        let known: Option<Vec<u32>> = match self.read < self.samples && !self.pixels {
            true => (0..dataset.len()).map(|index| dataset.class_of(index)).collect(),
            false => None,
        };
        let Some(known) = known else { return };
        self.classes.iter_mut().for_each(|count| *count = Default::default());
        for class in known {
            if let Some(count) = self.classes.get_mut(class as usize) {
                count.labels += 1;
                count.samples += 1;
            }
        }
    }
}

/// The indices to read, in order: all, or one of each of `most` equal parts.
fn choose(samples: usize, most: usize) -> Vec<usize> {
    if samples <= most {
        return (0..samples).collect();
    }
    let start = |part: usize| (part as u128 * samples as u128 / most as u128) as usize;
    let one = |part: usize| {
        let (start, end) = (start(part), start(part + 1));
        // Loaders have fewer than 2³² samples.
        start + Random::new(0, Purpose::Survey, part as u64, 0).below((end - start) as u32) as usize
    };
    (0..most).map(one).collect()
}

/// What the chosen samples hold, in order.
fn inspect_all(
    loader: &Loader,
    chosen: &[usize],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<(usize, Result<SampleInfo>)> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut found = Vec::new();
        while let Some(index) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.push((*index, loader.inspect(*index)));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, chosen.len());
        }
        found
    };
    let threads = loader.options().threads.clamp(1, chosen.len().max(1));
    let mut found = thread::scope(|scope| {
        // A thread that the system refuses to start is done without: this one works, too.
        let start = |_| thread::Builder::new().name("atrous-survey".to_owned()).spawn_scoped(scope, work).ok();
        let helpers: Vec<_> = (1..threads).filter_map(start).collect();
        let mut found = work();
        for helper in helpers {
            found.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        found
    });
    found.sort_by_key(|(index, _)| *index);
    found
}
