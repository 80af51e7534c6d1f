//! The OpenAPI document: its head, and what is the same for every operation.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::limits;
use super::problem::ProblemBody;

/// Title, version and licence.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Mapae")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Open platform for mobile official IDs. Every error is a problem (RFC 9457) with a stable `code`; OAuth endpoints answer as their standards say."))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    OpenApiBuilder::new().info(info).build()
}

/// Adds what every operation has: the problem as its default answer, and the schema of the problem.
pub(super) fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_default();
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    let session = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A session of staff or applicant. Browsers send it as a cookie, with x-csrf-token for changes.",
        ))
        .build();
    components.add_security_scheme("session", SecurityScheme::Http(session));
    for item in api.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.options,
            &mut item.head,
            &mut item.patch,
            &mut item.trace,
        ];
        for operation in operations.into_iter().flatten() {
            add_problem(operation);
            operation.parameters.iter_mut().flatten().for_each(|parameter| {
                if let RefOr::T(parameter) = parameter {
                    bound(parameter);
                }
            });
        }
    }
}

fn add_problem(operation: &mut Operation) {
    operation.responses.responses.entry("default".to_owned()).or_insert_with(|| RefOr::T(problem()));
}

/// Says of a text in path or query how long it may be: whatever is longer would not even fit into the request's head.
fn bound(parameter: &mut Parameter) {
    if let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
        && parameter.parameter_in != ParameterIn::Header
        && object.schema_type == SchemaType::new(Type::String)
        && object.enum_values.is_none()
    {
        object.max_length.get_or_insert(limits::PARAMETER.size());
    }
}

fn problem() -> Response {
    let schema = RefOr::Ref(Ref::from_schema_name(ProblemBody::name()));
    ResponseBuilder::new()
        .description("A problem, told in the language asked for (RFC 9457).")
        .content("application/problem+json", Content::new(Some(schema)))
        .build()
}
