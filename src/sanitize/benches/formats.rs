//! How long each format takes: every file of the fuzzing seeds, or of the folder in `SLUSE_BENCH_FOLDER`.
//!
//! ```text
//! SLUSE_BENCH_FOLDER=~/documents cargo bench -p sluse-sanitize -- docx
//! ```

#![allow(missing_docs)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluse_sanitize::{Declared, NoInspector, Settings, sanitize};

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");

fn formats(criterion: &mut Criterion) {
    let folder = env::var_os("SLUSE_BENCH_FOLDER").map_or(PathBuf::from(SEEDS), PathBuf::from);
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();
    for file in files {
        let Ok(bytes) = fs::read(&file) else { continue };
        let name = file.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        let declared = Declared { name: &name, media_type: "" };
        let rebuild = || sanitize(&bytes, &declared, &Settings::default(), &mut NoInspector);
        let Some(format) = rebuild().report().rebuilt_as else { continue };
        let mut group = criterion.benchmark_group(format.name());
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name.as_ref(), |bencher| bencher.iter(rebuild));
        group.finish();
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

criterion_group!(benches, formats);
criterion_main!(benches);
