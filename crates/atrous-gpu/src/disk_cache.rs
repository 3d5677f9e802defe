//! Compiled kernels in a file, for backends that export them.
//!
//! The file holds `atrous 2\n` padded to 16 bytes, a checksum of 4 bytes, and wgpu's data, which begin with a header that identifies
//! backend, adapter and driver. Drivers may crash on damaged data, so the checksum is verified before they get it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use atrous_files::Checksum;

use crate::PipelineCache;
use crate::whole_file::{content, replace};

const MAGIC: &[u8; 16] = b"atrous 2\n       ";
/// A larger file is not read but replaced, since drivers never remove anything from their caches.
const MAX_BYTES: u64 = 256 << 20;
/// Compilation time after which the file is written. What is compiled in less time is written when the device is dropped.
const WORTH_A_WRITE: Duration = Duration::from_millis(250);

/// A cache that the driver fills, and its file.
pub(crate) struct DiskCache {
    raw: wgpu::PipelineCache,
    file: PathBuf,
    /// Compilation time since the last write.
    unsaved: Mutex<Duration>,
}

impl DiskCache {
    /// The cache of this adapter, if the device supports one and a folder is given. A warning names a file that cannot be used.
    pub(crate) fn open(raw: &wgpu::Device, place: &PipelineCache) -> Option<Self> {
        let folder = place.folder().filter(|_| raw.features().contains(wgpu::Features::PIPELINE_CACHE))?;
        let file = folder.join(wgpu::util::pipeline_cache_key(&raw.adapter_info())?);
        let warn = |reason: &str| tracing::warn!(file = %file.display(), reason, "compiled kernels are not reused");
        let data = read(&file).unwrap_or_else(|reason| {
            warn(&reason);
            None
        });
        let stored = data.and_then(|data| create(raw, Some(&data)).inspect_err(|reason| warn(reason)).ok());
        let raw = stored.map_or_else(|| create(raw, None), Ok).inspect_err(|reason| warn(reason)).ok()?;
        Some(Self { raw, file, unsaved: Mutex::default() })
    }

    /// wgpu's cache, for the creation of pipelines.
    pub(crate) fn raw(&self) -> &wgpu::PipelineCache {
        &self.raw
    }

    /// Adds the time that the compilation of new pipelines took; writes the file if the sum is large enough.
    pub(crate) fn compiled(&self, spent: Duration) {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        *unsaved += spent;
        if *unsaved >= WORTH_A_WRITE {
            *unsaved = Duration::ZERO;
            self.save();
        }
    }

    fn save(&self) {
        let Some(data) = self.raw.get_data() else { return };
        if let Err(error) = write(&self.file, &data) {
            tracing::warn!(file = %self.file.display(), %error, "compiled kernels are not kept");
        }
    }
}

impl Drop for DiskCache {
    fn drop(&mut self) {
        if !self.unsaved.get_mut().unwrap_or_else(PoisonError::into_inner).is_zero() {
            self.save();
        }
    }
}

fn create(raw: &wgpu::Device, data: Option<&[u8]>) -> Result<wgpu::PipelineCache, String> {
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("atrous"), data, fallback: false };
    let scope = raw.push_error_scope(wgpu::ErrorFilter::Validation);
    // SAFETY: the data is what `PipelineCache::get_data` gave, by its checksum; wgpu compares backend, adapter and driver.
    let cache = unsafe { raw.create_pipeline_cache(&descriptor) };
    match pollster::block_on(scope.pop()) {
        None => Ok(cache),
        Some(error) => Err(error.to_string()),
    }
}

/// The data in a file; `None` if there is no file.
pub(crate) fn read(file: &Path) -> Result<Option<Vec<u8>>, String> {
    match content(file, MAX_BYTES) {
        Ok(bytes) => bytes.as_deref().map(data).transpose(),
        Err(error) => Err(error.to_string()),
    }
}

/// The data in the content of a file.
fn data(bytes: &[u8]) -> Result<Vec<u8>, String> {
    match bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk()) {
        Some((sum, data)) if u32::from_le_bytes(*sum) == Checksum::of(data).value() => Ok(data.to_vec()),
        Some(_) => Err("the file is damaged".to_owned()),
        None => Err("the file is not one of atrous".to_owned()),
    }
}

pub(crate) fn write(file: &Path, data: &[u8]) -> io::Result<()> {
    replace(file, &[MAGIC, &Checksum::of(data).value().to_le_bytes(), data])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("atrous-disk-cache-{}", std::process::id()));
        let file = folder.join("cache");
        assert_eq!(read(&file), Ok(None));
        let data: Vec<u8> = (0..1001).map(|i| (i * 7) as u8).collect();
        write(&file, &data).unwrap();
        write(&file, &data).unwrap();
        assert_eq!(read(&file), Ok(Some(data.clone())));
        let whole = fs::read(&file).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file is left");
        fs::write(&file, &whole[..100]).unwrap();
        assert_eq!(read(&file), Err("the file is damaged".to_owned()));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_changed_missing_or_added_byte_is_found() {
        let content: Vec<u8> = (0..101).map(|i| (i * 7) as u8).collect();
        let whole = [&MAGIC[..], &Checksum::of(&content).value().to_le_bytes(), &content].concat();
        assert_eq!(data(&whole), Ok(content));
        let mut changed = whole.clone();
        for at in 0..whole.len() {
            let reason = if at < MAGIC.len() { "the file is not one of atrous" } else { "the file is damaged" };
            for change in 1..=255 {
                changed[at] = whole[at] ^ change;
                assert_eq!(data(&changed), Err(reason.to_owned()), "byte {at}");
            }
            changed[at] = whole[at];
            assert!(data(&whole[..at]).is_err(), "{at} bytes");
        }
        assert!(data(&[&whole[..], &[0]].concat()).is_err());
    }
}
