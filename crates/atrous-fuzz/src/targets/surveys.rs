//! Surveys that are kept between trainings.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use atrous_train::data::{ImageFolder, Loader, LoaderOptions, Part, Survey};
use atrous_vision::Preprocess;

use super::pictures;
use crate::message::must_be_text;
use crate::target::Place;

/// A dataset of three pictures, and what is kept of its survey.
struct Kept {
    loader: Loader,
    survey: Survey,
    /// Name and content of the file.
    name: String,
    content: Vec<u8>,
}

fn kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder can be made").keep();
        let png = pictures::png();
        for (i, name) in ["cat/1.png", "dog/2.png", "dog/3.png"].iter().enumerate() {
            let path = folder.join("data").join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            fs::write(path, &png[9 + i]).expect("a picture can be written");
        }
        let dataset = ImageFolder::open(folder.join("data")).expect("a dataset");
        let loader = Loader::new(Arc::new(dataset), LoaderOptions::new(2, [4, 4], Preprocess::IMAGENET));
        let loader = loader.expect("a loader");
        let caches = folder.join("surveys");
        let survey = survey(&caches, &loader);
        let mut files = fs::read_dir(&caches).expect("a survey was kept");
        let path: PathBuf = files.next().expect("a survey was kept").expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        Kept { loader, survey, name, content: fs::read(path).expect("a survey was kept") }
    })
}

fn survey(folder: &Path, loader: &Loader) -> Survey {
    Survey::kept_in(folder, loader, Survey::MOST, "", &|_, _| {}).expect("the pictures can be read")
}

pub(super) fn name() -> String {
    kept().name.clone()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    vec![kept().content.clone()]
}

/// Whatever is in the file, there is a survey. Damage is found: then it is that of the data.
pub(super) fn read(place: &Place) -> Result<(), String> {
    let Kept { loader, survey: whole, content, .. } = kept();
    let survey = survey(place.folder, loader);
    if let Ok(now) = fs::read(place.path)
        && now == *content
    {
        assert_eq!(survey, *whole, "a damaged survey was used");
    }
    for part in [Part::Train, Part::Test] {
        survey.findings(part).iter().for_each(must_be_text);
    }
    survey.weight_findings(&[0.0; 3]).iter().for_each(must_be_text);
    must_be_text(&survey);
    Ok(())
}
