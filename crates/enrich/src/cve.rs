//! Facts about vulnerabilities from a local copy of the CVE list (records of version 5, one file each, as in the repository
//! cvelistV5) or of NVD's feeds of version 2.0 (one file a year, plain or gzipped); a folder or a zip archive.

use crate::{EnrichError, Lookup};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tm_model::EntityType;

/// Largest file that is read, unpacked.
const LARGEST: u64 = 1 << 30;
/// Years of feeds that are kept in memory.
const YEARS: usize = 3;
/// Products that are named.
const PRODUCTS: usize = 12;
/// Code points of the description.
const DESCRIPTION: usize = 600;

type Facts = Map<String, Value>;

/// A local copy.
pub struct Cves {
    place: Place,
    /// Feeds by year: facts by identifier, those asked for last at the end.
    years: Mutex<Vec<(u16, HashMap<String, Facts>)>>,
}

enum Place {
    Folder(PathBuf),
    /// The archive, and its members by their last name.
    Zip(PathBuf, HashMap<String, String>),
}

impl Cves {
    /// Opens a folder or a zip archive.
    ///
    /// # Errors
    /// [`EnrichError`] when it is neither.
    pub fn open(path: &Path) -> Result<Cves, EnrichError> {
        let file = path.display().to_string();
        let io = |source| EnrichError::Io { file: file.clone(), source };
        let place = if std::fs::metadata(path).map_err(io)?.is_dir() {
            Place::Folder(path.to_owned())
        } else {
            let archive = zip::ZipArchive::new(BufReader::new(File::open(path).map_err(io)?))
                .map_err(|e| EnrichError::Form { file: file.clone(), reason: e.to_string() })?;
            let member = |name: String| (name.rsplit('/').next().unwrap_or(&name).to_owned(), name);
            let members = archive.file_names().flatten().map(|n| member(n.into_owned())).collect();
            Place::Zip(path.to_owned(), members)
        };
        Ok(Cves { place, years: Mutex::new(Vec::new()) })
    }

    /// Bytes of a file of the copy, unpacked.
    fn read<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&mut dyn Read) -> serde_json::Result<T>,
    ) -> Result<Option<T>, EnrichError> {
        let form = |reason: String| EnrichError::Form { file: name.to_owned(), reason };
        let io = |source| EnrichError::Io { file: name.to_owned(), source };
        let parsed = |input: &mut dyn Read| {
            if name.ends_with(".gz") {
                parse(&mut BufReader::new(GzDecoder::new(input).take(LARGEST)))
            } else {
                parse(&mut input.take(LARGEST))
            }
        };
        match &self.place {
            Place::Folder(folder) => match File::open(folder.join(name)) {
                Ok(file) => parsed(&mut BufReader::new(file)).map(Some).map_err(|e| form(e.to_string())),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(io(e)),
            },
            Place::Zip(path, members) => {
                let Some(member) = members.get(name.rsplit('/').next().unwrap_or(name)) else {
                    return Ok(None);
                };
                let file = File::open(path).map_err(io)?;
                let mut archive =
                    zip::ZipArchive::new(BufReader::new(file)).map_err(|e| form(e.to_string()))?;
                let mut input = archive.by_name(member).map_err(|e| form(e.to_string()))?;
                parsed(&mut BufReader::new(&mut input)).map(Some).map_err(|e| form(e.to_string()))
            }
        }
    }

    /// The record of the CVE list.
    fn record(&self, id: &str, year: u16, number: &str) -> Result<Option<Facts>, EnrichError> {
        let thousands = format!("{}xxx", &number[..number.len() - 3]);
        let below = format!("{year}/{thousands}/{id}.json");
        for name in [format!("{id}.json"), below.clone(), format!("cves/{below}")] {
            let found = self.read(&name, |input| serde_json::from_reader::<_, Value>(input))?;
            if let Some(record) = found {
                return Ok(listed(&record));
            }
        }
        Ok(None)
    }

    /// Names of the feeds of a year.
    fn feeds(&self, year: u16) -> Vec<String> {
        let mark = format!("-{year}.json");
        let fits = |name: &str| name.ends_with(&mark) || name.ends_with(&format!("{mark}.gz"));
        let mut names: Vec<String> = match &self.place {
            Place::Folder(folder) => std::fs::read_dir(folder)
                .map(|all| all.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
                .unwrap_or_default(),
            Place::Zip(_, members) => members.keys().cloned().collect(),
        };
        names.retain(|n| fits(n));
        names.sort();
        names
    }

    /// The entry of NVD's feed.
    fn fed(&self, id: &str, year: u16) -> Result<Option<Facts>, EnrichError> {
        let Ok(mut years) = self.years.lock() else { return Ok(None) };
        if let Some(i) = years.iter().position(|y| y.0 == year) {
            let kept = years.remove(i);
            let found = kept.1.get(id).cloned();
            years.push(kept);
            return Ok(found);
        }
        let mut all = HashMap::new();
        for name in self.feeds(year) {
            let feed = self.read(&name, |input| serde_json::from_reader::<_, Feed>(input))?;
            all.extend(feed.into_iter().flat_map(|f| f.vulnerabilities));
        }
        let found = all.get(id).cloned();
        years.push((year, all));
        if years.len() > YEARS {
            years.remove(0);
        }
        Ok(found)
    }
}

/// A feed, made to facts entry by entry: as it stands, a year of it would fill a gigabyte.
#[derive(Deserialize)]
struct Feed {
    #[serde(default, deserialize_with = "entries")]
    vulnerabilities: HashMap<String, Facts>,
}

#[derive(Deserialize)]
struct FeedEntry {
    cve: Value,
}

fn entries<'de, D: serde::Deserializer<'de>>(d: D) -> Result<HashMap<String, Facts>, D::Error> {
    struct Entries;
    impl<'de> serde::de::Visitor<'de> for Entries {
        type Value = HashMap<String, Facts>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of vulnerabilities")
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut all = HashMap::new();
            while let Some(FeedEntry { cve }) = seq.next_element()? {
                if let Some(id) = cve["id"].as_str() {
                    all.insert(id.to_owned(), national(&cve));
                }
            }
            Ok(all)
        }
    }
    d.deserialize_seq(Entries)
}

impl Lookup for Cves {
    fn name(&self) -> &str {
        "cve"
    }

    fn facts(&self, kind: EntityType, value: &str) -> Result<Option<Facts>, EnrichError> {
        if kind != EntityType::Cve {
            return Ok(None);
        }
        let id = value.to_ascii_uppercase();
        let mut parts = id.split('-').skip(1);
        let (Some(year), Some(number), None) = (parts.next(), parts.next(), parts.next()) else {
            return Ok(None);
        };
        // The identifier becomes part of a path: digits only.
        let digits = |s: &str, least: usize| {
            s.len() >= least && s.len() <= 19 && s.bytes().all(|b| b.is_ascii_digit())
        };
        let (true, true, Ok(year)) =
            (id.starts_with("CVE-") && year.len() == 4, digits(number, 4), year.parse())
        else {
            return Ok(None);
        };
        match self.record(&id, year, number)? {
            Some(facts) => Ok(Some(facts)),
            None => self.fed(&id, year),
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn english(descriptions: &Value) -> Option<String> {
    let text =
        items(descriptions).find(|d| d["lang"].as_str().is_some_and(|l| l.starts_with("en")))?["value"]
            .as_str()?;
    let mut cut: String = text.chars().take(DESCRIPTION).collect();
    if text.chars().nth(DESCRIPTION).is_some() {
        cut.push('…');
    }
    Some(cut)
}

/// Facts in one form, whatever they come from.
fn facts(
    published: &Value,
    description: Option<String>,
    cvss: Option<&Value>,
    cwe: BTreeSet<String>,
    products: BTreeSet<String>,
) -> Facts {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() && value != json!([]) {
            out.insert(name.to_owned(), value);
        }
    };
    put("published", published.clone());
    put("description", json!(description));
    if let Some(cvss) = cvss {
        put("cvss", cvss["baseScore"].clone());
        put("severity", cvss["baseSeverity"].clone());
        put("vector", cvss["vectorString"].clone());
    }
    put("cwe", json!(cwe));
    put("products_total", if products.len() > PRODUCTS { json!(products.len()) } else { Value::Null });
    put("products", json!(products.into_iter().take(PRODUCTS).collect::<Vec<_>>()));
    out
}

/// A record of the CVE list, version 5; none when it was rejected.
fn listed(record: &Value) -> Option<Facts> {
    let meta = &record["cveMetadata"];
    if meta["state"].as_str() != Some("PUBLISHED") {
        return None;
    }
    let cna = &record["containers"]["cna"];
    let containers: Vec<&Value> = std::iter::once(cna).chain(items(&record["containers"]["adp"])).collect();
    let metrics: Vec<&Value> = containers.iter().flat_map(|c| items(&c["metrics"])).collect();
    let cvss = ["cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0"]
        .iter()
        .find_map(|version| metrics.iter().find_map(|m| m.get(version)));
    let types =
        containers.iter().flat_map(|c| items(&c["problemTypes"])).flat_map(|p| items(&p["descriptions"]));
    let cwe = types.filter_map(|d| d["cweId"].as_str()).map(str::to_owned).collect();
    let affected = containers.iter().flat_map(|c| items(&c["affected"]));
    let products = affected
        .filter_map(|a| Some(format!("{} {}", a["vendor"].as_str()?, a["product"].as_str()?)))
        .collect();
    Some(facts(&meta["datePublished"], english(&cna["descriptions"]), cvss, cwe, products))
}

/// An entry of NVD's feed, version 2.0.
fn national(cve: &Value) -> Facts {
    let metrics = &cve["metrics"];
    let cvss =
        ["cvssMetricV40", "cvssMetricV31", "cvssMetricV30", "cvssMetricV2"].iter().find_map(|version| {
            let all: Vec<&Value> = items(&metrics[*version]).collect();
            let best = all.iter().find(|m| m["type"] == "Primary").or_else(|| all.first())?;
            best.get("cvssData")
        });
    let weak = items(&cve["weaknesses"]).flat_map(|w| items(&w["description"]));
    let cwe = weak
        .filter_map(|d| d["value"].as_str())
        .filter(|v| v.starts_with("CWE-"))
        .map(str::to_owned)
        .collect();
    let matches =
        items(&cve["configurations"]).flat_map(|c| items(&c["nodes"])).flat_map(|n| items(&n["cpeMatch"]));
    let products = matches
        .filter(|m| m["vulnerable"].as_bool() != Some(false))
        .filter_map(|m| {
            // cpe:2.3:a:vendor:product:version:…
            let mut parts = m["criteria"].as_str()?.split(':').skip(3);
            Some(format!("{} {}", parts.next()?, parts.next()?).replace('_', " "))
        })
        .collect();
    facts(&cve["published"], english(&cve["descriptions"]), cvss, cwe, products)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn record(id: &str) -> Value {
        json!({"cveMetadata": {"cveId": id, "state": "PUBLISHED", "datePublished": "2025-02-03T00:00:00.000Z"},
            "containers": {"cna": {"descriptions": [{"lang": "fr", "value": "non"}, {"lang": "en", "value": "A flaw."}],
                "affected": [{"vendor": "Acme", "product": "Gate"}],
                "problemTypes": [{"descriptions": [{"cweId": "CWE-89"}]}]},
              "adp": [{"metrics": [{"other": {}}, {"cvssV3_1": {"baseScore": 9.8, "baseSeverity": "CRITICAL", "vectorString": "CVSS:3.1/AV:N"}}]}]}})
    }

    fn feed() -> Value {
        let entry = json!({"id": "CVE-2024-11111", "published": "2024-05-06T00:00:00.000", "descriptions": [{"lang": "en", "value": "Old."}],
            "metrics": {"cvssMetricV31": [{"type": "Secondary", "cvssData": {"baseScore": 1.0}}, {"type": "Primary", "cvssData": {"baseScore": 7.5}}]},
            "weaknesses": [{"description": [{"value": "CWE-79"}, {"value": "NVD-CWE-noinfo"}]}],
            "configurations": [{"nodes": [{"cpeMatch": [{"vulnerable": true, "criteria": "cpe:2.3:a:acme:big_gate:1.0:*"},
                {"vulnerable": false, "criteria": "cpe:2.3:o:acme:os:-:*"}]}]}]});
        json!({"vulnerabilities": [{"cve": entry}]})
    }

    fn check(cves: &Cves) {
        let get = |id: &str| cves.facts(EntityType::Cve, id).unwrap().map(Value::Object);
        assert_eq!(
            get("cve-2025-12345"),
            Some(
                json!({"published": "2025-02-03T00:00:00.000Z", "description": "A flaw.", "cvss": 9.8, "severity": "CRITICAL",
                "vector": "CVSS:3.1/AV:N", "cwe": ["CWE-89"], "products": ["Acme Gate"]})
            )
        );
        for _ in 0..2 {
            assert_eq!(
                get("CVE-2024-11111"),
                Some(
                    json!({"published": "2024-05-06T00:00:00.000", "description": "Old.", "cvss": 7.5, "cwe": ["CWE-79"],
                    "products": ["acme big gate"]})
                )
            );
        }
        for none in
            ["CVE-2025-99999", "CVE-1999-0001", "CVE-2025-1", "CVE-2025-../../x", "x", "CVE-20255-1234"]
        {
            assert_eq!(get(none), None, "{none}");
        }
        assert_eq!(cves.facts(EntityType::Domain, "CVE-2025-12345").unwrap(), None);
    }

    fn gzipped(value: &Value) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(value.to_string().as_bytes()).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("cves/2025/12xxx");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("CVE-2025-12345.json"), record("CVE-2025-12345").to_string()).unwrap();
        std::fs::write(folder.path().join("nvdcve-2.0-2024.json.gz"), gzipped(&feed())).unwrap();
        check(&Cves::open(folder.path()).unwrap());
        std::fs::write(deep.join("CVE-2025-12346.json"), "{").unwrap();
        let broken = Cves::open(folder.path()).unwrap().facts(EntityType::Cve, "CVE-2025-12346").unwrap_err();
        assert!(broken.to_string().contains("CVE-2025-12346.json"), "{broken}");
    }

    #[test]
    fn an_archive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.zip");
        let mut out = zip::ZipWriter::new(File::create(&path).unwrap());
        let plain = zip::write::SimpleFileOptions::default();
        out.start_file("cves/2025/12xxx/CVE-2025-12345.json", plain).unwrap();
        out.write_all(record("CVE-2025-12345").to_string().as_bytes()).unwrap();
        out.start_file("feeds/nvdcve-2.0-2024.json.gz", plain).unwrap();
        out.write_all(&gzipped(&feed())).unwrap();
        out.finish().unwrap();
        check(&Cves::open(&path).unwrap());
        std::fs::write(&path, b"no archive").unwrap();
        assert!(Cves::open(&path).is_err());
        assert!(Cves::open(&folder.path().join("none")).is_err());
    }
}
