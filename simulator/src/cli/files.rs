//! Files that are written: none in place of another that is needed, and none by halves.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// What stands for the standard input or output where that is possible.
const STANDARD: &str = "-";

/// Writes a file that is there as a whole or not at all, whatever ends the process: what it held
/// before stays until all of the new is written.
///
/// # Errors
/// Where it cannot be written; then nothing has changed.
pub(super) fn write_whole(
    path: &Path,
    put: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    // A link stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if path.exists() && !path.is_file() {
        // A pipe or a device cannot be put in place of another.
        return write_to(&path, put);
    }
    let mut part = OsString::from(&path);
    part.push(".part");
    let part = PathBuf::from(part);
    let written = write_to(&part, put).and_then(|()| fs::rename(&part, &path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_to(path: &Path, put: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    put(&mut file)?;
    file.flush()
}

/// Whether all of these, each with the name of its argument, are different files. `-` is none, and so
/// is a device.
///
/// # Errors
/// Which two are one.
pub(super) fn different(all: &[(&str, Option<&Path>)]) -> Result<(), String> {
    let named = all.iter().filter_map(|(name, path)| Some((*name, (*path)?)));
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (name, path) in named {
        if path == Path::new(STANDARD) || (path.exists() && !path.is_file()) {
            continue;
        }
        let place = place(path);
        if let Some((other, _)) = seen.iter().find(|(_, seen)| *seen == place) {
            let path = path.display();
            return Err(format!("{other} and {name} are both '{path}': name another file"));
        }
        seen.push((name, place));
    }
    Ok(())
}

/// The one name of a file, be it there or not.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
    let inside = folder.ok().zip(path.file_name()).map(|(folder, name)| folder.join(name));
    fs::canonicalize(path).ok().or(inside).unwrap_or_else(|| path.to_owned())
}

/// Whether this argument names a file.
///
/// # Errors
/// That the standard output cannot take it.
pub(super) fn named(name: &str, path: Option<&Path>) -> Result<(), String> {
    if path == Some(Path::new(STANDARD)) {
        return Err(format!("{name} cannot be the standard output: name a file, as ./-"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("files-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        path
    }

    #[test]
    fn what_cannot_be_written_to_its_end_leaves_what_was_there() {
        let folder = folder("whole");
        let path = folder.join("a.toml");
        fs::write(&path, "before").expect("a file");
        let cut = write_whole(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(cut.is_err());
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "before");
        write_whole(&path, |out| out.write_all(b"after")).expect("there is room");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "after");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "no part is left");
    }

    #[test]
    fn one_file_under_two_names_is_found() {
        let folder = folder("one");
        let (path, there) = (folder.join("a"), folder.join("b"));
        fs::write(&there, "").expect("a file");
        let other = folder.join(".").join("a");
        let same = different(&[("FILE", Some(&path)), ("--html", None), ("--trace", Some(&other))]);
        assert!(same.unwrap_err().contains("FILE and --trace are both"));
        assert!(different(&[("FILE", Some(&path)), ("--trace", Some(&there))]).is_ok());
        let null = Some(Path::new("/dev/null"));
        assert!(different(&[("--html", null), ("--trace", null)]).is_ok());
        assert!(named("--out", Some(Path::new("-"))).is_err());
        assert!(named("--out", Some(Path::new("./-"))).is_ok());
    }
}
