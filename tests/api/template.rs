//! The SAM template against the code: each role allows exactly the actions that its function can call, and the routes match.

use crate::{
    dynamodb::{Action, access_denied, in_front_of_requests},
    world::*,
};
use saphyr::{LoadableYamlNode, ScalarOwned, YamlOwned};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// Actions on a table. A binary contains the names of those that it can call: the linker drops the others.
const TABLE_ACTIONS: [&str; 17] = [
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "DeleteItem",
    "DeleteTable",
    "DescribeTable",
    "ExecuteStatement",
    "ExecuteTransaction",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
    "UpdateTable",
];
const TRANSACTION: &str = "TransactWriteItems";

type Actions = BTreeSet<String>;

/// A YAML file of the repository, without its tags: `!Ref Table` is the string `Table`.
fn yaml(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let documents = YamlOwned::load_from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    plain(&documents[0])
}

fn plain(node: &YamlOwned) -> Value {
    match node {
        YamlOwned::Tagged(_, node) => plain(node),
        YamlOwned::Sequence(nodes) => nodes.iter().map(plain).collect(),
        YamlOwned::Mapping(nodes) => {
            let entries = nodes.iter().map(|(key, value)| match plain(key) {
                Value::String(key) => (key, plain(value)),
                key => (key.to_string(), plain(value)),
            });
            Value::Object(entries.collect::<Map<_, _>>())
        }
        YamlOwned::Value(ScalarOwned::String(text)) => text.as_str().into(),
        YamlOwned::Value(ScalarOwned::Integer(number)) => (*number).into(),
        YamlOwned::Value(ScalarOwned::Boolean(flag)) => (*flag).into(),
        YamlOwned::Value(ScalarOwned::FloatingPoint(number)) => (**number).into(),
        _ => Value::Null,
    }
}

fn logical_id(binary: Binary) -> String {
    let name = binary.operation();
    name[..1].to_uppercase() + &name[1..]
}

/// The actions on the table that a function's role allows: by its own policies, and by those that name the role.
fn allowed(template: &Value, binary: Binary) -> Actions {
    let resources = template["Resources"].as_object().expect("resources");
    let role = resources[&logical_id(binary)]["Properties"]["Role"].as_str().expect("a role of its own");
    let role_id = role.trim_end_matches(".Arn");
    let role = &resources[role_id]["Properties"];
    assert_eq!(role.get("ManagedPolicyArns"), None, "the template itself must list what a role allows");
    let own = role["Policies"].as_array().expect("policies").iter();
    let others = resources.values().map(|resource| &resource["Properties"]);
    let others = others.filter(|policy| strings(&policy["Roles"]).iter().any(|role| role == role_id));
    let mut actions = Actions::new();
    for policy in own.chain(others) {
        for action in actions_in(&policy["PolicyDocument"]["Statement"]) {
            assert_ne!(action, "*");
            if let Some(action) = action.strip_prefix("dynamodb:") {
                assert!(actions.insert(action.to_owned()), "{action} is there twice");
            }
        }
    }
    actions
}

/// The actions of all statements, conditional ones included.
fn actions_in(statements: &Value) -> Vec<String> {
    match statements {
        Value::Array(all) => all.iter().flat_map(actions_in).collect(),
        statement => strings(&statement["Action"]),
    }
}

fn strings(one_or_more: &Value) -> Vec<String> {
    match one_or_more {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    }
}

/// The actions that a binary's code can call.
fn callable(binary: Binary) -> Actions {
    const BEFORE: &[u8] = b"DynamoDB_20120810.";
    let code = std::fs::read(binary.path()).expect("the binary");
    let mut actions = Actions::new();
    for (at, _) in code.windows(BEFORE.len()).enumerate().filter(|(_, window)| *window == BEFORE) {
        let after = &code[at + BEFORE.len()..];
        // Any bytes can follow a name.
        let fitting = TABLE_ACTIONS.iter().filter(|action| after.starts_with(action.as_bytes()));
        let action = fitting.max_by_key(|action| action.len());
        actions.insert((*action.expect("a known action")).to_owned());
    }
    actions
}

/// The actions that IAM requires for an operation. For a transaction, these are the actions of its parts.
fn needed(operation: &str, body: &[u8]) -> Actions {
    if operation != TRANSACTION {
        return [operation.to_owned()].into();
    }
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let parts = body["TransactItems"].as_array().expect("parts").iter();
    let kinds = parts.flat_map(|part| part.as_object().expect("a part").keys());
    kinds
        .map(|kind| if kind == "ConditionCheck" { "ConditionCheckItem".into() } else { format!("{kind}Item") })
        .collect()
}

/// The world's DynamoDB, which refuses what a role does not allow. The actions that were needed are added to `noted`.
async fn with_iam(world: &World, allowed: Actions, noted: Arc<Mutex<Actions>>) -> String {
    in_front_of_requests(world, move |operation, body| {
        let needed = needed(&operation, &body);
        let refused = !needed.is_subset(&allowed);
        noted.lock().unwrap_or_else(PoisonError::into_inner).extend(needed);
        async move { if refused { Action::Replace(access_denied()) } else { Action::Forward } }
    })
    .await
}

#[test]
fn each_role_allows_exactly_the_actions_in_the_code() {
    let template = yaml("template.yaml");
    for binary in Binary::ALL {
        let mut callable = callable(binary);
        // Both parts of the only transaction are updates, as the next test checks.
        if callable.remove(TRANSACTION) {
            callable.insert("UpdateItem".into());
        }
        assert_eq!(allowed(&template, binary), callable, "{binary:?}");
    }
}

#[tokio::test]
async fn all_operations_work_with_the_roles_and_need_each_action() {
    let template = yaml("template.yaml");
    let world = World::new().await.with("GUESTS", "true");
    let mut functions = BTreeMap::new();
    for binary in Binary::ALL {
        let (allowed, noted) = (allowed(&template, binary), Arc::new(Mutex::default()));
        let endpoint = with_iam(&world, allowed.clone(), noted.clone()).await;
        let function = world.spawn_with_dynamodb(binary, endpoint).await;
        functions.insert(binary.operation(), (function, allowed, noted));
    }
    let send = async |binary: Binary, event: Value| functions[binary.operation()].0.send(&event).await;
    let other_guest = GUEST.replace('0', "1");

    let guest = send(GetToken, as_guest(GetToken, GUEST)).await.entity();
    assert_eq!(send(GetFreshToken, as_guest(GetFreshToken, GUEST)).await.entity(), guest);
    assert_eq!(send(GetToken, as_former_guest(GetToken, "alice", GUEST)).await.entity(), guest);
    assert_eq!(send(GetToken, http_api(GetToken, "alice", "")).await.source(), "hit");
    assert_eq!(send(GetFreshToken, as_former_guest(GetFreshToken, "alice", GUEST)).await.entity(), guest);
    assert_eq!(send(HasToken, http_api(HasToken, "alice", "")).await.body(), true);
    assert_eq!(send(Invalidate, http_api(Invalidate, "alice", "")).await.body(), Value::Null);
    assert_eq!(send(HasToken, http_api(HasToken, "alice", "")).await.body(), false);
    assert_eq!(send(Invalidate, as_logout(http_api(Invalidate, "alice", ""))).await.status(), 200);
    // Another login, so that the other function adopts a guest too.
    let entity = send(GetToken, as_guest(GetToken, &other_guest)).await.entity();
    assert_eq!(send(GetFreshToken, as_former_guest(GetFreshToken, "bob", &other_guest)).await.entity(), entity);

    for (name, (_, allowed, noted)) in &functions {
        assert_eq!(&*noted.lock().unwrap_or_else(PoisonError::into_inner), allowed, "{name}");
    }
}

#[tokio::test]
async fn a_missing_action_makes_a_call_fail() {
    let world = World::new().await;
    let endpoint = with_iam(&world, ["GetItem".to_owned()].into(), Arc::default()).await;
    let function = world.spawn_with_dynamodb(GetToken, endpoint).await;
    assert_eq!(function.call("alice").await.problem(), (503, "store_unavailable"));
}

/// Our metrics that an alarm or the dashboard uses.
fn watched(template: &Value) -> BTreeSet<String> {
    const OURS: &str = "livechat-cip/${AWS::StackName}";
    fn of_alarms(value: &Value, found: &mut BTreeSet<String>) {
        if value["Namespace"] == OURS {
            found.insert(value["MetricName"].as_str().expect("a name").to_owned());
        }
        match value {
            Value::Array(all) => all.iter().for_each(|value| of_alarms(value, found)),
            Value::Object(all) => all.values().for_each(|value| of_alarms(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    of_alarms(&template["Resources"], &mut found);
    let body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"].to_string().replace('\\', "");
    let shown = body.split(r#"["${Space}", ""#).skip(1).filter_map(|rest| rest.split('"').next());
    found.extend(shown.map(str::to_owned));
    found
}

#[test]
fn every_metric_is_watched_and_documented() {
    let measured: BTreeSet<_> = cip::telemetry::metric_names().into_iter().map(str::to_owned).collect();
    assert_eq!(watched(&yaml("template.yaml")), measured);
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md"));
    let guide = guide.expect("docs/operations.md");
    for metric in measured {
        assert!(guide.contains(&format!("`{metric}`")), "{metric}");
    }
}

/// `GET /getToken/{user}` and so on, and the function that serves it.
type Routes = BTreeMap<String, String>;

fn routes_of_the_template(template: &Value) -> Routes {
    let resources = template["Resources"].as_object().expect("resources");
    let of_type = |of: &'static str| resources.values().filter(move |resource| resource["Type"] == of);
    let routes = of_type("AWS::ApiGatewayV2::Route").map(|route| {
        let key = route["Properties"]["RouteKey"].as_str().expect("a route key");
        let target = route["Properties"]["Target"].as_str().expect("a target");
        let integration = target.trim_start_matches("integrations/${").trim_end_matches('}');
        let uri = resources[integration]["Properties"]["IntegrationUri"].to_string();
        let mut words = uri.split(|character: char| !character.is_alphanumeric());
        let function = words.find(|word| Binary::ALL.iter().any(|binary| logical_id(*binary) == *word));
        // For `{user+}`, an HTTP API takes the rest of the path, slashes included.
        (key.replace("{user+}", "{user}"), function.expect("one of the functions").to_owned())
    });
    routes.collect()
}

/// `getToken` and so on, with and without a user, by GET and POST: what `cargo local` serves.
fn routes_of_the_code() -> Routes {
    let operations = cip::operation::Name::ALL.iter().zip(Binary::ALL);
    let mut routes = Routes::new();
    for (operation, binary) in operations {
        assert_eq!(operation.as_str(), binary.operation());
        for method in ["GET", "POST"] {
            for user in ["", "/{user}"] {
                routes.insert(format!("{method} /{}{user}", operation.as_str()), logical_id(binary));
            }
        }
    }
    routes
}

#[test]
fn code_template_and_openapi_have_the_same_routes() {
    let code = routes_of_the_code();
    assert_eq!(routes_of_the_template(&yaml("template.yaml")), code);
    let openapi = yaml("openapi.yaml");
    let mut described = BTreeSet::new();
    for (path, methods) in openapi["paths"].as_object().expect("paths") {
        let methods = methods.as_object().expect("methods").keys();
        let methods = methods.filter(|name| ["get", "post", "put", "patch", "delete", "head"].contains(&name.as_str()));
        described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    assert_eq!(described, code.into_keys().collect());
}
