//! Rebuilds every file of a folder into another one: `rebuild_dir IN OUT`. Prints one line per file: path, verdict,
//! reason, kinds of content removed; tab-separated.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use sluse_sanitize::{Declared, NoInspector, Settings, sanitize};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rebuild_dir IN OUT".into());
    };
    let mut files = Vec::new();
    collect(&input, &mut files)?;
    files.sort();
    for file in files {
        let relative = file.strip_prefix(&input)?;
        let bytes = fs::read(&file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let declared = Declared { name: &name, media_type: "" };
        let done = sanitize(&bytes, &declared, &Settings::default(), &mut NoInspector);
        let (rebuilt, report) = done.into_parts();
        let kinds: BTreeSet<String> =
            report.removed.iter().map(|removed| format!("{:?}", removed.what)).collect();
        let kinds: Vec<String> = kinds.into_iter().collect();
        println!(
            "{}\t{}\t{}\t{}",
            relative.display(),
            report.verdict.as_str(),
            report.reason,
            kinds.join(",")
        );
        if let Some((bytes, format)) = rebuilt {
            let keeps = relative
                .extension()
                .is_some_and(|end| format.extensions().iter().any(|own| end.eq_ignore_ascii_case(own)));
            let target =
                if keeps { relative.to_path_buf() } else { relative.with_extension(format.extension()) };
            let target = output.join(target);
            fs::create_dir_all(target.parent().unwrap_or(Path::new(".")))?;
            fs::write(target, bytes)?;
        }
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
