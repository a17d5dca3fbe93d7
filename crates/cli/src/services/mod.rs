//! The services of one data folder, composed to one origin: what `serve` runs and `demo` shows.

mod data_folder;

pub use data_folder::{DataFolder, DataFolderError, subject_name};
