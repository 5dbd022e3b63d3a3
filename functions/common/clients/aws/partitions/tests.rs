use super::*;
use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use std::process::{Command, Output};

/// Regions of all partitions, and one that does not exist yet.
const REGIONS: [&str; 12] = [
    "us-east-1",
    "eu-central-2",
    "mx-central-1",
    "xx-new-1",
    "cn-north-1",
    "us-gov-west-1",
    "us-gov-east-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "eu-isoe-west-1",
    "us-isof-south-1",
];

/// Runs a test of this program in a process with other variables.
fn run(test: &str, variables: &[(&str, &str)]) -> Output {
    let name = format!("clients::aws::partitions::tests::{test}");
    Command::new(env::current_exe().expect("this program"))
        .args(["--exact", &name, "--nocapture"])
        .env_remove(VARIABLE)
        .envs(variables.iter().copied())
        .output()
        .expect("a process")
}

/// The endpoints that a process prints for a region.
fn endpoints(variables: &[(&str, &str)]) -> Vec<String> {
    let output = run("print_the_endpoints", variables);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<_> = text.lines().filter(|line| line.contains("://")).map(str::to_owned).collect();
    assert!(output.status.success() && lines.len() == 4, "{text}");
    lines
}

/// Prints the endpoints of this process's region, for the tests that run it in a process of its own.
#[tokio::test]
async fn print_the_endpoints() {
    prepare();
    for (fips, dual_stack) in [(false, false), (true, false), (false, true), (true, true)] {
        let region = env::var("AWS_REGION").unwrap_or_else(|_| "eu-central-1".into());
        let params = Params::builder().region(region).use_fips(fips).use_dual_stack(dual_stack).build();
        let endpoint = DefaultResolver::new().resolve_endpoint(&params.expect("parameters")).await;
        let endpoint = endpoint.expect("an endpoint");
        assert!(endpoint.url().starts_with("https://"));
        println!("{}", endpoint.url());
    }
}

#[test]
fn with_the_file_all_endpoints_are_the_same() {
    for region in REGIONS {
        let usual = endpoints(&[("AWS_REGION", region)]);
        let file = env::temp_dir().join(format!("partition-{}.json", process::id()));
        fs::write(&file, json(region)).expect("a file");
        let file = file.to_str().expect("UTF-8").to_owned();
        assert_eq!(endpoints(&[("AWS_REGION", region), (VARIABLE, &file)]), usual, "{region}");
        fs::remove_file(file).expect("a file");
    }
}

#[test]
fn the_file_is_written_if_the_variable_names_it() {
    let usual = endpoints(&[("AWS_REGION", "cn-north-1")]);
    assert_eq!(endpoints(&[("AWS_REGION", "cn-north-1"), (VARIABLE, FILE)]), usual);
    assert!(fs::read_to_string(FILE).expect("the file").contains("amazonaws.com.cn"));
}

#[test]
fn the_template_names_the_file() {
    let template = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/template.yaml")).expect("the template");
    assert!(template.contains(&format!("{VARIABLE}: {FILE}\n")));
}
