"""Parameters that the template must accept, and parameters that it must refuse."""

SITE = {
    "LiveChatClientId": "bb9e5b2f1ab480e4a715977b7b1b4279",
    "LiveChatOrganizationId": "390e44e6-f1e6-4368-8b6d-2b74614508c2",
    "LiveChatRedirectUri": "https://www.example.com/",
    "AllowedOrigins": "https://www.example.com,https://shop.example.com",
}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
REPLICA_KEY = KEY.replace("eu-central-1", "eu-west-1")
SECRETS_KEY = KEY.replace("5555", "6666")
COOKIES_KEY, COOKIES_KEY_BEFORE = KEY.replace("5555", "7777"), KEY.replace("5555", "8888")
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:{}-AbCdEf".format
ISSUER = "https://login.example.com/"

JWT = SITE | {"Auth": "jwt", "JwtJwksUrl": ISSUER + "jwks.json", "JwtIssuer": ISSUER, "JwtAudience": "livechat"}
HMAC = SITE | {"Auth": "hmac", "HmacSecretArn": SECRET("hmac"), "HmacSecretPreviousArn": SECRET("hmac-before")}
GATEWAY = SITE | {"Auth": "authorizer", "AuthorizerIssuer": ISSUER, "AuthorizerAudience": "livechat,shop"}
NONE = SITE | {"Auth": "none", "AllowUnverifiedUsers": "true"}
EXISTING = JWT | {"ExistingTableName": "restored"}
EVERYTHING = SITE | {
    "Auth": "jwt",
    "LiveChatLicenseId": "12345678",
    "LiveChatGrant": "agent_token",
    "LiveChatAgentCredentialsArn": SECRET("agent"),
    "JwtSecretArn": SECRET("jwt"),
    "JwtSecretPreviousArn": SECRET("jwt-before"),
    "JwtSecretEncoding": "base64",
    "JwtIssuer": "https://login.microsoftonline.com/{tid}/v2.0",
    "JwtAudience": "livechat,shop",
    "JwtAudienceClaim": "azp",
    "JwtRequiredClaims": "tid=11111111-2222-3333-4444-555555555555,tid=66666666-7777-8888-9999-000000000000",
    "JwtUserClaim": "oid",
    "JwtAlgorithms": "HS256, HS512",
    "JwtCookie": "session",
    "UserIdNormalization": "nfc-lowercase",
    "AllowedHeaders": "x-datadog-trace-id,newrelic",
    "Guests": "true",
    "CustomerDetails": "name,email,fields.plan=subscription.plan",
    "LiveChatApiUrl": "https://api-fra.livechatinc.com",
    "DomainName": "cip.example.com",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "ReplicaRegion1": "eu-west-1",
    "ReplicaKmsKeyArn1": REPLICA_KEY,
    "SubjectKey": "0123456789abcdef",
    "AlarmEmail": "operations@example.com",
    "Deployment": "Linear10PercentEvery1Minute",
    "KmsKeyArn": KEY,
    "SecretsKmsKeyArn": SECRETS_KEY,
    "CookiesKmsKey": COOKIES_KEY,
    "CookiesKmsKeyPrevious": COOKIES_KEY_BEFORE,
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
}

ACCEPTED = {
    "jwt": JWT,
    "hmac": HMAC,
    "gateway": GATEWAY,
    "own-authorizer": SITE | {"Auth": "authorizer"},
    "none": NONE,
    "claims-for-an-audience": JWT | {"JwtAudience": "", "JwtRequiredClaims": "client_id=livechat"},
    "existing-table": EXISTING,
    "plain": JWT | {"Tracing": "Active", "Deployment": "AllAtOnce", "AlarmEmail": "operations@example.com"},
    "everything": EVERYTHING,
}

# Parameters, and a part of the refusal's text.
REFUSED = {
    "any-origin": (JWT | {"AllowedOrigins": "https://www.example.com,*"}, "AllowedOrigins"),
    "a-url-as-an-origin": (JWT | {"AllowedOrigins": "https://www.example.com/"}, "AllowedOrigins"),
    "an-app-as-an-origin": (JWT | {"AllowedOrigins": "capacitor://localhost"}, "AllowedOrigins"),
    "a-header-with-a-space": (JWT | {"AllowedHeaders": "x-a, x-b"}, "AllowedHeaders"),
    "a-licence-as-an-organization": (JWT | {"LiveChatOrganizationId": "12345678"}, "LiveChatOrganizationId"),
    "no-account": (JWT | {"LiveChatOrganizationId": ""}, "LiveChatOrganizationId or LiveChatLicenseId"),
    "none-without-confirmation": (SITE | {"Auth": "none"}, "AllowUnverifiedUsers=true"),
    "no-auth": (SITE, "Auth"),
    "unknown-auth": (SITE | {"Auth": "basic"}, "Auth"),
    "no-issuer": (JWT | {"JwtIssuer": ""}, "needs JwtIssuer"),
    "no-audience": (JWT | {"JwtAudience": ""}, "needs JwtAudience or JwtRequiredClaims"),
    "an-audience-claim-alone": (
        JWT | {"JwtAudience": "", "JwtAudienceClaim": "azp", "JwtRequiredClaims": "a=b"},
        "JwtAudienceClaim needs JwtAudience",
    ),
    "claims-without-values": (JWT | {"JwtRequiredClaims": "tid"}, "JwtRequiredClaims"),
    "unknown-encoding": (JWT | {"JwtSecretEncoding": "base32"}, "JwtSecretEncoding"),
    "unknown-normalization": (JWT | {"UserIdNormalization": "lowercase"}, "UserIdNormalization"),
    "no-key": (SITE | {"Auth": "jwt"}, "one of JwtJwksUrl, JwtPublicKey and JwtSecretArn"),
    "plain-http-keys": (JWT | {"JwtJwksUrl": "http://login.example.com/"}, "JwtJwksUrl"),
    "two-keys": (JWT | {"JwtPublicKey": "-----BEGIN PUBLIC KEY-----"}, "JwtJwksUrl or JwtPublicKey"),
    "a-key-set-and-a-secret": (JWT | {"JwtSecretArn": SECRET("jwt")}, "JwtJwksUrl or JwtSecretArn"),
    "a-key-and-a-secret": (EVERYTHING | {"JwtPublicKey": "-----BEGIN PUBLIC KEY-----"}, "JwtPublicKey or JwtSecretArn"),
    "only-the-previous-secret": (JWT | {"JwtSecretPreviousArn": SECRET("jwt")}, "needs JwtSecretArn"),
    "only-the-previous-hmac-secret": (JWT | {"HmacSecretPreviousArn": SECRET("hmac")}, "needs HmacSecretArn"),
    "plain-http-livechat": (JWT | {"LiveChatAccountsUrl": "http://accounts.livechat.com"}, "LiveChatAccountsUrl"),
    "plain-http-api": (JWT | {"LiveChatApiUrl": "http://api.livechatinc.com"}, "LiveChatApiUrl"),
    "details-of-a-hash": (HMAC | {"CustomerDetails": "name"}, "CustomerDetails needs Auth=jwt"),
    "details-of-a-licence": (
        JWT | {"LiveChatOrganizationId": "", "LiveChatLicenseId": "12345678", "CustomerDetails": "name"},
        "CustomerDetails needs LiveChatOrganizationId",
    ),
    "an-unknown-detail": (JWT | {"CustomerDetails": "phone"}, "CustomerDetails"),
    "no-agent-credentials": (JWT | {"LiveChatGrant": "agent_token"}, "needs LiveChatAgentCredentialsArn"),
    "an-agents-credentials-themselves": (JWT | {"LiveChatAgentCredentialsArn": '{"client_id": "a"}'}, "LiveChatAgentCredentialsArn"),
    "no-hmac-secret": (SITE | {"Auth": "hmac"}, "needs HmacSecretArn"),
    "a-secret-itself": (HMAC | {"HmacSecretArn": "0123456789abcdef0123456789abcdef"}, "HmacSecretArn"),
    "authorizer-for-jwt": (JWT | {"AuthorizerIssuer": ISSUER, "AuthorizerAudience": "x"}, "for Auth=authorizer"),
    "authorizer-issuer-alone": (GATEWAY | {"AuthorizerAudience": ""}, "AuthorizerIssuer needs AuthorizerAudience"),
    "authorizer-audience-alone": (GATEWAY | {"AuthorizerIssuer": ""}, "AuthorizerAudience needs AuthorizerIssuer"),
    "authorizer-and-guests": (GATEWAY | {"Guests": "true"}, "accepts no guests"),
    "domain-without-certificate": (JWT | {"DomainName": "cip.example.com"}, "DomainName needs CertificateArn"),
    "certificate-without-domain": (EVERYTHING | {"DomainName": ""}, "need DomainName"),
    "replica-of-existing": (EXISTING | {"ReplicaRegion2": "eu-west-1"}, "existing table"),
    "replica-without-key": (EVERYTHING | {"ReplicaKmsKeyArn1": ""}, "ReplicaRegion1 needs ReplicaKmsKeyArn1"),
    "second-replica-without-key": (EVERYTHING | {"ReplicaRegion2": "us-east-1"}, "ReplicaRegion2 needs ReplicaKmsKeyArn2"),
    "no-address": (JWT | {"DisableExecuteApiEndpoint": "true"}, "DisableExecuteApiEndpoint needs DomainName"),
    "nobody-to-notify": (JWT | {"NotifyWhenAlarmsEnd": "true"}, "NotifyWhenAlarmsEnd needs AlarmEmail or AlarmTopicArn"),
    "part-of-a-secrets-arn": (HMAC | {"HmacSecretArn": SECRET("hmac").removesuffix("-AbCdEf")}, "HmacSecretArn"),
    "two-topics": (JWT | {"AlarmEmail": "a@example.com", "AlarmTopicArn": "arn:aws:sns:eu-central-1:1:a"}, "not both"),
    "an-alias-for-cookies": (JWT | {"CookiesKmsKey": "arn:aws:kms:eu-central-1:123456789012:alias/cookies"}, "CookiesKmsKey"),
    "short-subject-key": (JWT | {"SubjectKey": "short"}, "SubjectKey"),
}
