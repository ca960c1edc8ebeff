// Written by scripts/mlflow-routes.js from what installed MLflow servers route; to change an access, change it here and run
// that again. METHOD PATH ACCESS, a note after #. /api stands for /ajax-api as well. deny: answers an error in every
// open-source installation.

export const MLFLOW_ROUTES = `
GET    / read
GET    /api/2.0/mlflow-artifacts/artifacts read
DELETE /api/2.0/mlflow-artifacts/artifacts/<path:artifact_path> write
GET    /api/2.0/mlflow-artifacts/artifacts/<path:artifact_path> read
PUT    /api/2.0/mlflow-artifacts/artifacts/<path:artifact_path> write
POST   /api/2.0/mlflow-artifacts/mpu/abort/<path:artifact_path> write
POST   /api/2.0/mlflow-artifacts/mpu/complete/<path:artifact_path> write
POST   /api/2.0/mlflow-artifacts/mpu/create/<path:artifact_path> write
GET    /api/2.0/mlflow-artifacts/presigned/<path:artifact_path> read
GET    /api/2.0/mlflow/artifacts/list read
POST   /api/2.0/mlflow/artifacts/presigned-download-url read
POST   /api/2.0/mlflow/artifacts/presigned-upload-url write
POST   /api/2.0/mlflow/experiments/create write
POST   /api/2.0/mlflow/experiments/delete write
POST   /api/2.0/mlflow/experiments/delete-experiment-tag write
GET    /api/2.0/mlflow/experiments/get read
GET    /api/2.0/mlflow/experiments/get-by-name read
POST   /api/2.0/mlflow/experiments/permissions/create admin
DELETE /api/2.0/mlflow/experiments/permissions/delete admin
GET    /api/2.0/mlflow/experiments/permissions/get admin
PATCH  /api/2.0/mlflow/experiments/permissions/update admin
POST   /api/2.0/mlflow/experiments/restore write
GET    /api/2.0/mlflow/experiments/search read
POST   /api/2.0/mlflow/experiments/search read
POST   /api/2.0/mlflow/experiments/search-datasets read
POST   /api/2.0/mlflow/experiments/set-experiment-tag write
POST   /api/2.0/mlflow/experiments/update write
GET    /api/2.0/mlflow/gateway-proxy write # spends money/tokens at a provider
POST   /api/2.0/mlflow/gateway-proxy write # spends money/tokens at a provider
GET    /api/2.0/mlflow/get-online-trace-details deny # answers 501 in OSS MLflow
GET    /api/2.0/mlflow/get-trace-artifact read
POST   /api/2.0/mlflow/logged-models write
DELETE /api/2.0/mlflow/logged-models/<model_id> write
GET    /api/2.0/mlflow/logged-models/<model_id> read
PATCH  /api/2.0/mlflow/logged-models/<model_id> write
GET    /api/2.0/mlflow/logged-models/<model_id>/artifacts/directories read
GET    /api/2.0/mlflow/logged-models/<model_id>/artifacts/files read
POST   /api/2.0/mlflow/logged-models/<model_id>/params write
PATCH  /api/2.0/mlflow/logged-models/<model_id>/tags write
DELETE /api/2.0/mlflow/logged-models/<model_id>/tags/<tag_key> write
POST   /api/2.0/mlflow/logged-models/search read
GET    /api/2.0/mlflow/metrics/get-history read
GET    /api/2.0/mlflow/metrics/get-history-bulk read
GET    /api/2.0/mlflow/metrics/get-history-bulk-interval read
POST   /api/2.0/mlflow/model-versions/create write
DELETE /api/2.0/mlflow/model-versions/delete write
DELETE /api/2.0/mlflow/model-versions/delete-tag write
GET    /api/2.0/mlflow/model-versions/get read
GET    /api/2.0/mlflow/model-versions/get-download-uri read
GET    /api/2.0/mlflow/model-versions/search read
POST   /api/2.0/mlflow/model-versions/set-tag write
POST   /api/2.0/mlflow/model-versions/transition-stage write
PATCH  /api/2.0/mlflow/model-versions/update write
DELETE /api/2.0/mlflow/registered-models/alias write
GET    /api/2.0/mlflow/registered-models/alias read
POST   /api/2.0/mlflow/registered-models/alias write
POST   /api/2.0/mlflow/registered-models/create write
DELETE /api/2.0/mlflow/registered-models/delete write
DELETE /api/2.0/mlflow/registered-models/delete-tag write
GET    /api/2.0/mlflow/registered-models/get read
GET    /api/2.0/mlflow/registered-models/get-latest-versions read
POST   /api/2.0/mlflow/registered-models/get-latest-versions read
POST   /api/2.0/mlflow/registered-models/permissions/create admin
DELETE /api/2.0/mlflow/registered-models/permissions/delete admin
GET    /api/2.0/mlflow/registered-models/permissions/get admin
PATCH  /api/2.0/mlflow/registered-models/permissions/update admin
POST   /api/2.0/mlflow/registered-models/rename write
GET    /api/2.0/mlflow/registered-models/search read
POST   /api/2.0/mlflow/registered-models/set-tag write
PATCH  /api/2.0/mlflow/registered-models/update write
POST   /api/2.0/mlflow/runs/create write
POST   /api/2.0/mlflow/runs/create-promptlab-run write
POST   /api/2.0/mlflow/runs/delete write
POST   /api/2.0/mlflow/runs/delete-tag write
GET    /api/2.0/mlflow/runs/get read
POST   /api/2.0/mlflow/runs/log-batch write
POST   /api/2.0/mlflow/runs/log-inputs write
POST   /api/2.0/mlflow/runs/log-metric write
POST   /api/2.0/mlflow/runs/log-model write
POST   /api/2.0/mlflow/runs/log-parameter write
POST   /api/2.0/mlflow/runs/outputs write
POST   /api/2.0/mlflow/runs/restore write
POST   /api/2.0/mlflow/runs/search read
POST   /api/2.0/mlflow/runs/set-tag write
POST   /api/2.0/mlflow/runs/update write
GET    /api/2.0/mlflow/traces read
POST   /api/2.0/mlflow/traces write
PATCH  /api/2.0/mlflow/traces/<request_id> write
GET    /api/2.0/mlflow/traces/<request_id>/info read
DELETE /api/2.0/mlflow/traces/<request_id>/tags write
PATCH  /api/2.0/mlflow/traces/<request_id>/tags write
GET    /api/2.0/mlflow/traces/<trace_id> read
DELETE /api/2.0/mlflow/traces/<trace_id>/assessments/<assessment_id> write
PATCH  /api/2.0/mlflow/traces/<trace_id>/assessments/<assessment_id> write
POST   /api/2.0/mlflow/traces/delete-traces write
POST   /api/2.0/mlflow/traces/link-prompts write
POST   /api/2.0/mlflow/traces/link-to-run write
POST   /api/2.0/mlflow/traces/{assessment.trace_id}/assessments write
GET    /api/2.0/mlflow/unified-traces deny # answers 501 in OSS MLflow
POST   /api/2.0/mlflow/upload-artifact write
POST   /api/2.0/mlflow/users/create admin
POST   /api/2.0/mlflow/users/create-ui admin # auth app's sign-up form
GET    /api/2.0/mlflow/users/current read
DELETE /api/2.0/mlflow/users/delete admin
GET    /api/2.0/mlflow/users/get read
GET    /api/2.0/mlflow/users/list admin # user names
PATCH  /api/2.0/mlflow/users/update-admin admin
PATCH  /api/2.0/mlflow/users/update-password write
GET    /api/2.0/mlflow/webhooks admin
POST   /api/2.0/mlflow/webhooks admin
DELETE /api/2.0/mlflow/webhooks/<webhook_id> admin
GET    /api/2.0/mlflow/webhooks/<webhook_id> admin
PATCH  /api/2.0/mlflow/webhooks/<webhook_id> admin
POST   /api/2.0/mlflow/webhooks/<webhook_id>/test admin
POST   /api/2.0mlflow/experiments/search-datasets deny # answers 501 in OSS MLflow
POST   /api/3.0/jobs/ write # POST runs a function named in the body; MLflow: owner, or per job type
GET    /api/3.0/jobs/<job_id> read # MLflow: job's own creator only
PATCH  /api/3.0/jobs/cancel/<job_id> write # POST runs a function named in the body; MLflow: owner, or per job type
POST   /api/3.0/jobs/search read # MLflow: job's own creator only
GET    /api/3.0/mlflow/assistant/config read # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
PUT    /api/3.0/mlflow/assistant/config admin # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
POST   /api/3.0/mlflow/assistant/message admin # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
GET    /api/3.0/mlflow/assistant/providers read # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
GET    /api/3.0/mlflow/assistant/providers/<provider>/health read # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
GET    /api/3.0/mlflow/assistant/providers/<provider>/models read # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
PATCH  /api/3.0/mlflow/assistant/sessions/<session_id> admin # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
POST   /api/3.0/mlflow/assistant/sessions/<session_id>/permission admin # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
GET    /api/3.0/mlflow/assistant/sessions/<session_id>/stream read # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
POST   /api/3.0/mlflow/assistant/sessions/<session_id>/tool-result admin # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
POST   /api/3.0/mlflow/assistant/skills/install admin # runs an LLM/CLI on the server (localhost only unless MLFLOW_ENABLE_REMOTE_ASSISTANT)
DELETE /api/3.0/mlflow/datasets/<dataset_id> write
GET    /api/3.0/mlflow/datasets/<dataset_id> read
POST   /api/3.0/mlflow/datasets/<dataset_id>/add-experiments write
GET    /api/3.0/mlflow/datasets/<dataset_id>/experiment-ids read
DELETE /api/3.0/mlflow/datasets/<dataset_id>/records write
GET    /api/3.0/mlflow/datasets/<dataset_id>/records read
POST   /api/3.0/mlflow/datasets/<dataset_id>/records write
POST   /api/3.0/mlflow/datasets/<dataset_id>/remove-experiments write
PATCH  /api/3.0/mlflow/datasets/<dataset_id>/tags write
DELETE /api/3.0/mlflow/datasets/<dataset_id>/tags/<key> write
POST   /api/3.0/mlflow/datasets/create write
GET    /api/3.0/mlflow/datasets/search read
POST   /api/3.0/mlflow/datasets/search read
POST   /api/3.0/mlflow/demo/delete admin
POST   /api/3.0/mlflow/demo/generate write # MLflow lets any user; creates data
POST   /api/3.0/mlflow/gateway/budgets/create admin
DELETE /api/3.0/mlflow/gateway/budgets/delete admin
GET    /api/3.0/mlflow/gateway/budgets/get read
GET    /api/3.0/mlflow/gateway/budgets/list read
POST   /api/3.0/mlflow/gateway/budgets/update admin
GET    /api/3.0/mlflow/gateway/budgets/windows read
POST   /api/3.0/mlflow/gateway/endpoints/bindings/create write
DELETE /api/3.0/mlflow/gateway/endpoints/bindings/delete write
GET    /api/3.0/mlflow/gateway/endpoints/bindings/list read
POST   /api/3.0/mlflow/gateway/endpoints/create write
DELETE /api/3.0/mlflow/gateway/endpoints/delete write
DELETE /api/3.0/mlflow/gateway/endpoints/delete-tag write
GET    /api/3.0/mlflow/gateway/endpoints/get read
GET    /api/3.0/mlflow/gateway/endpoints/list read
POST   /api/3.0/mlflow/gateway/endpoints/models/attach write
POST   /api/3.0/mlflow/gateway/endpoints/models/detach write
POST   /api/3.0/mlflow/gateway/endpoints/set-tag write
POST   /api/3.0/mlflow/gateway/endpoints/update write
POST   /api/3.0/mlflow/gateway/guardrails/add-to-endpoint write
POST   /api/3.0/mlflow/gateway/guardrails/create admin
DELETE /api/3.0/mlflow/gateway/guardrails/delete admin
GET    /api/3.0/mlflow/gateway/guardrails/get admin
GET    /api/3.0/mlflow/gateway/guardrails/list admin
GET    /api/3.0/mlflow/gateway/guardrails/list-for-endpoint read
DELETE /api/3.0/mlflow/gateway/guardrails/remove-from-endpoint write
PATCH  /api/3.0/mlflow/gateway/guardrails/update-config write
POST   /api/3.0/mlflow/gateway/model-definitions/create write
DELETE /api/3.0/mlflow/gateway/model-definitions/delete write
GET    /api/3.0/mlflow/gateway/model-definitions/get read
GET    /api/3.0/mlflow/gateway/model-definitions/list read
POST   /api/3.0/mlflow/gateway/model-definitions/update write
GET    /api/3.0/mlflow/gateway/provider-config read
GET    /api/3.0/mlflow/gateway/secrets/config read
POST   /api/3.0/mlflow/gateway/secrets/create write
DELETE /api/3.0/mlflow/gateway/secrets/delete write
GET    /api/3.0/mlflow/gateway/secrets/get read
GET    /api/3.0/mlflow/gateway/secrets/list read
POST   /api/3.0/mlflow/gateway/secrets/update write
GET    /api/3.0/mlflow/gateway/supported-models read
GET    /api/3.0/mlflow/gateway/supported-providers read
POST   /api/3.0/mlflow/genai/evaluate/invoke write # starts a job
GET    /api/3.0/mlflow/get-trace-artifact read
POST   /api/3.0/mlflow/issues write
GET    /api/3.0/mlflow/issues/<issue_id> read
PATCH  /api/3.0/mlflow/issues/<issue_id> write
POST   /api/3.0/mlflow/issues/invoke write # starts a job
POST   /api/3.0/mlflow/issues/search read
GET    /api/3.0/mlflow/jobs/<job_id> read # MLflow: job's own creator only
PATCH  /api/3.0/mlflow/jobs/cancel/<job_id> write # POST runs a function named in the body; MLflow: owner, or per job type
POST   /api/3.0/mlflow/label-schemas/create write
DELETE /api/3.0/mlflow/label-schemas/delete write
GET    /api/3.0/mlflow/label-schemas/get read
GET    /api/3.0/mlflow/label-schemas/get-by-name read
GET    /api/3.0/mlflow/label-schemas/list read
PATCH  /api/3.0/mlflow/label-schemas/update write
GET    /api/3.0/mlflow/mcp-servers read
POST   /api/3.0/mlflow/mcp-servers write
DELETE /api/3.0/mlflow/mcp-servers/<path:name> write
GET    /api/3.0/mlflow/mcp-servers/<path:name> read
PATCH  /api/3.0/mlflow/mcp-servers/<path:name> write
POST   /api/3.0/mlflow/mcp-servers/<path:name>/aliases write
DELETE /api/3.0/mlflow/mcp-servers/<path:name>/aliases/<path:alias> write
GET    /api/3.0/mlflow/mcp-servers/<path:name>/aliases/<path:alias> read
GET    /api/3.0/mlflow/mcp-servers/<path:name>/endpoints read
POST   /api/3.0/mlflow/mcp-servers/<path:name>/endpoints write
DELETE /api/3.0/mlflow/mcp-servers/<path:name>/endpoints/<endpoint_id> write
GET    /api/3.0/mlflow/mcp-servers/<path:name>/endpoints/<endpoint_id> read
PATCH  /api/3.0/mlflow/mcp-servers/<path:name>/endpoints/<endpoint_id> write
POST   /api/3.0/mlflow/mcp-servers/<path:name>/tags write
DELETE /api/3.0/mlflow/mcp-servers/<path:name>/tags/<path:key> write
GET    /api/3.0/mlflow/mcp-servers/<path:name>/versions read
POST   /api/3.0/mlflow/mcp-servers/<path:name>/versions write
DELETE /api/3.0/mlflow/mcp-servers/<path:name>/versions/<path:version> write
GET    /api/3.0/mlflow/mcp-servers/<path:name>/versions/<path:version> read
PATCH  /api/3.0/mlflow/mcp-servers/<path:name>/versions/<path:version> write
POST   /api/3.0/mlflow/mcp-servers/<path:name>/versions/<path:version>/tags write
DELETE /api/3.0/mlflow/mcp-servers/<path:name>/versions/<path:version>/tags/<path:key> write
GET    /api/3.0/mlflow/mcp-servers/endpoints read
POST   /api/3.0/mlflow/prompt-optimization/jobs write
DELETE /api/3.0/mlflow/prompt-optimization/jobs/<job_id> write
GET    /api/3.0/mlflow/prompt-optimization/jobs/<job_id> read
POST   /api/3.0/mlflow/prompt-optimization/jobs/<job_id>/cancel write
GET    /api/3.0/mlflow/prompt-optimization/jobs/search read
POST   /api/3.0/mlflow/prompt-optimization/jobs/search read
POST   /api/3.0/mlflow/review-queues/create write
POST   /api/3.0/mlflow/review-queues/delete write
GET    /api/3.0/mlflow/review-queues/get read
GET    /api/3.0/mlflow/review-queues/get-by-name read
POST   /api/3.0/mlflow/review-queues/get-or-create-user write
POST   /api/3.0/mlflow/review-queues/items/add write
GET    /api/3.0/mlflow/review-queues/items/list read
POST   /api/3.0/mlflow/review-queues/items/remove write
POST   /api/3.0/mlflow/review-queues/items/set-status write
GET    /api/3.0/mlflow/review-queues/list read
POST   /api/3.0/mlflow/review-queues/update write
POST   /api/3.0/mlflow/roles/assign admin
POST   /api/3.0/mlflow/roles/create admin
DELETE /api/3.0/mlflow/roles/delete admin
GET    /api/3.0/mlflow/roles/get admin
GET    /api/3.0/mlflow/roles/list admin
POST   /api/3.0/mlflow/roles/permissions/add admin
GET    /api/3.0/mlflow/roles/permissions/list admin
DELETE /api/3.0/mlflow/roles/permissions/remove admin
PATCH  /api/3.0/mlflow/roles/permissions/update admin
DELETE /api/3.0/mlflow/roles/unassign admin
PATCH  /api/3.0/mlflow/roles/update admin
GET    /api/3.0/mlflow/roles/users/list admin
POST   /api/3.0/mlflow/scorer/invoke write # starts a job
DELETE /api/3.0/mlflow/scorers/delete write
GET    /api/3.0/mlflow/scorers/get read
GET    /api/3.0/mlflow/scorers/list read
PUT    /api/3.0/mlflow/scorers/online-config write
GET    /api/3.0/mlflow/scorers/online-configs read
POST   /api/3.0/mlflow/scorers/register write
GET    /api/3.0/mlflow/scorers/versions read
GET    /api/3.0/mlflow/server-info read # static or health; MLflow asks no login
POST   /api/3.0/mlflow/traces write
GET    /api/3.0/mlflow/traces/<trace_id> read
POST   /api/3.0/mlflow/traces/<trace_id>/assessments write
DELETE /api/3.0/mlflow/traces/<trace_id>/assessments/<assessment_id> write
GET    /api/3.0/mlflow/traces/<trace_id>/assessments/<assessment_id> read
PATCH  /api/3.0/mlflow/traces/<trace_id>/assessments/<assessment_id> write
DELETE /api/3.0/mlflow/traces/<trace_id>/tags write
PATCH  /api/3.0/mlflow/traces/<trace_id>/tags write
GET    /api/3.0/mlflow/traces/batchGet read
POST   /api/3.0/mlflow/traces/batchGetInfos read
POST   /api/3.0/mlflow/traces/calculate-filter-correlation read
POST   /api/3.0/mlflow/traces/delete-traces write
GET    /api/3.0/mlflow/traces/get read
POST   /api/3.0/mlflow/traces/metrics read
POST   /api/3.0/mlflow/traces/search read
GET    /api/3.0/mlflow/ui-telemetry read # UI telemetry: POST writes nothing
POST   /api/3.0/mlflow/ui-telemetry read # UI telemetry: POST writes nothing
GET    /api/3.0/mlflow/users/current/permissions read
GET    /api/3.0/mlflow/users/permissions/get read
POST   /api/3.0/mlflow/users/permissions/grant admin
GET    /api/3.0/mlflow/users/permissions/list read
POST   /api/3.0/mlflow/users/permissions/revoke admin
GET    /api/3.0/mlflow/users/roles/list read
GET    /api/3.0/mlflow/workspaces read
POST   /api/3.0/mlflow/workspaces admin
DELETE /api/3.0/mlflow/workspaces/<workspace_name> admin
GET    /api/3.0/mlflow/workspaces/<workspace_name> read
PATCH  /api/3.0/mlflow/workspaces/<workspace_name> admin
GET    /build/<path:filename> read # static or health; MLflow asks no login
POST   /gateway/<endpoint_name>/mlflow/invocations write # spends money/tokens at a provider
POST   /gateway/anthropic/v1/messages write # spends money/tokens at a provider
POST   /gateway/gemini/v1beta/models/<endpoint_name>:generateContent write # spends money/tokens at a provider
POST   /gateway/gemini/v1beta/models/<endpoint_name>:streamGenerateContent write # spends money/tokens at a provider
POST   /gateway/mlflow/v1/chat/completions write # spends money/tokens at a provider
GET    /gateway/mlflow/v1/models read
POST   /gateway/openai/v1/chat/completions write # spends money/tokens at a provider
POST   /gateway/openai/v1/embeddings write # spends money/tokens at a provider
POST   /gateway/openai/v1/responses write # spends money/tokens at a provider
POST   /gateway/openai/v1/responses/compact write # spends money/tokens at a provider
POST   /gateway/proxy/<endpoint_name>/<path:path> write # spends money/tokens at a provider
POST   /gateway/typesafe/v1/systemone write # spends money/tokens at a provider
GET    /get-artifact read
GET    /graphql read # handler filters by itself; only queries, and mutations that search (mlflow_search_runs, mlflow_search_datasets, testMutation echo)
POST   /graphql read # handler filters by itself; only queries, and mutations that search (mlflow_search_runs, mlflow_search_datasets, testMutation echo)
GET    /health read # static or health; MLflow asks no login
GET    /model-versions/get-artifact read
GET    /signup admin
GET    /static-files/<path:path> read # static or health; MLflow asks no login
POST   /v1/traces write # OTLP; header x-mlflow-experiment-id
GET    /version read
`
