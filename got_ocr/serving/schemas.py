"""The shapes of requests and answers, as the API describes them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

OUTPUTS = ("json", "text", "markdown", "html", "pdf")
Output = Literal["json", "text", "markdown", "html", "pdf"]
MAX_IMAGES = 100
Text = Annotated[str, Field(max_length=20_000)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class ReadingFields(BaseModel):
    """What to read, and how: for every endpoint."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["ocr", "plain", "format"] = Field(default="ocr", description="Plain text, or Mathpix Markdown.")
    box: Annotated[str, Field(max_length=200)] | Annotated[list[Number], Field(max_length=4)] | None = Field(
        default=None,
        description="Read this box only: x1, y1, x2, y2 in pixels of the upright picture; 2 numbers: a point.",
    )
    color: Annotated[str, Field(max_length=20)] | None = Field(
        default=None, description="Read only what a frame of this colour encloses: red, green or blue."
    )
    crop: bool = Field(default=False, description="Read each page in tiles.")
    max_tiles: Annotated[int, Field(ge=1, le=64)] | None = Field(default=None, description="Most tiles, with `crop`.")
    multi_page: bool = Field(default=False, description="Read all pages together, as one document.")
    slice: bool | None = Field(
        default=None, description="Cut pages between lines; by default if the model is made for it."
    )
    instruction: Text | None = Field(default=None, description="Own words in the place of the published prompt.")


class FileFields(BaseModel):
    """How to take pages out of files."""

    model_config = ConfigDict(extra="forbid")

    pages: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="Pages of PDFs and TIFFs, such as 1-3,7."
    )
    dpi: Annotated[float, Field(ge=36, le=600)] = Field(
        default=200, description="Resolution at which PDF pages are drawn."
    )
    password: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="Opens an encrypted PDF.")


class OcrRequest(ReadingFields, FileFields):
    """Body of POST /v1/ocr as JSON."""

    image: str | Annotated[list[str], Field(max_length=MAX_IMAGES)] | None = Field(
        default=None, description="Base64 or data: URI of a picture, PDF or TIFF; or a list of them."
    )
    url: str | Annotated[list[str], Field(max_length=MAX_IMAGES)] | None = Field(
        default=None, description="http(s) URL, or a list; only where the server allows URLs."
    )
    max_new_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Longest answer a page."
    )
    output: Output = Field(default="json", description="What to answer with.")
    model: str | None = Field(default=None, description="The model's name; that of this server.")


class OcrForm(ReadingFields, FileFields):
    """Fields of POST /v1/ocr as a form, beside its files."""

    max_new_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    output: Output = "json"
    model: str | None = None
    url: str | list[str] | None = None


class Line(BaseModel):
    """A line of a page."""

    text: str
    box: tuple[int, int, int, int] | None = Field(description="x1, y1, x2, y2 in pixels; null for unsliced pages.")
    block: int | None = Field(description="Number of its paragraph.")
    mean_probability: float
    min_probability: float
    is_low_confidence: bool


class PageBody(BaseModel):
    """What was read of a page."""

    source: int = Field(description="Which of the request's files, counted from 0.")
    page: int = Field(description="Its page in that file, counted from 1.")
    width_px: int | None
    height_px: int | None
    text: str
    finish_reason: Literal["stop", "length", "repetition", "error"]
    num_tokens: int
    mean_probability: float | None
    min_probability: float | None
    rotations: list[int]
    lines: list[Line]
    error: str | None


class Usage(BaseModel):
    """Tokens, as OpenAI counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class OcrAnswer(BaseModel):
    """Answer of POST /v1/ocr with `output` json."""

    model: str
    text: str = Field(description="The pages' texts with a form feed between them.")
    pages: list[PageBody]
    usage: Usage


class Part(BaseModel):
    """A part of a message: `text`, `image_url` or `file`."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "image_url", "file"]
    text: str | None = None
    image_url: dict[str, Any] | str | None = None
    file: dict[str, Any] | None = None


class Message(BaseModel):
    """A message; of those of other roles than `user` nothing reaches the model."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class StreamOptions(BaseModel):
    """What a stream ends with."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class ResponseFormat(BaseModel):
    """The form of an answer, which is text."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text"] = "text"


StopString = Annotated[str, Field(min_length=1, max_length=1000)]


class ChatRequest(BaseModel):
    """Body of POST /v1/chat/completions.

    What of OpenAI's an OCR model can't do is refused (calls of tools that must be made, JSON as the model's answer,
    probabilities of single tokens, sound); what changes nothing for it is taken and left aside, such as temperature.
    """

    model_config = ConfigDict(extra="allow")

    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    model: str | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = 1
    stop: StopString | Annotated[list[StopString], Field(max_length=4)] | None = Field(
        default=None, description="Strings before which the answer ends."
    )
    tool_choice: Literal["none", "auto"] | None = None
    function_call: Literal["none", "auto"] | None = None
    response_format: ResponseFormat | None = None
    logprobs: Literal[False] | None = None
    modalities: list[Literal["text"]] | None = None
    got_ocr: ReadingFields | None = Field(
        default=None, description="The mode as fields, instead of the message's text."
    )
    files: FileFields | None = Field(default=None, description="How to take pages out of PDFs and TIFFs.")


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: int


class ErrorBody(BaseModel):
    """Answer of every request that failed."""

    error: ErrorDetail
