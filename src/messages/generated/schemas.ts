// Generated from schemas/messages by `npm run generate`; not edited by hand.
import type { JsonObject } from '../../kernel/json.js';

/** The schemas themselves, by file name without `.json`. */
export const SCHEMAS: Readonly<Record<string, JsonObject>> = {
  "build.cancel.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.cancel.v1.json",
    "title": "Command: call a build off",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/uuid"
      },
      "agent": {
        "type": [
          "string",
          "null"
        ],
        "maxLength": 255
      },
      "reason": {
        "type": [
          "string",
          "null"
        ],
        "maxLength": 1024
      }
    },
    "required": [
      "build",
      "agent",
      "reason"
    ],
    "additionalProperties": true
  },
  "build.canceled.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.canceled.v1.json",
    "title": "A build was called off",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/build"
      },
      "reason": {
        "type": "object",
        "properties": {
          "code": {
            "type": "string",
            "enum": [
              "superseded",
              "requested",
              "branch_deleted"
            ]
          },
          "message": {
            "type": "string",
            "maxLength": 2048
          }
        },
        "required": [
          "code",
          "message"
        ],
        "additionalProperties": true
      },
      "successor": {
        "anyOf": [
          {
            "$ref": "common.v1.json#/$defs/uuid"
          },
          {
            "type": "null"
          }
        ],
        "description": "The build that takes its place."
      },
      "process": {
        "$ref": "common.v1.json#/$defs/process"
      }
    },
    "required": [
      "build",
      "reason",
      "successor",
      "process"
    ],
    "additionalProperties": true
  },
  "build.completed.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.completed.v1.json",
    "title": "An image is in the candidate registry",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/build"
      },
      "image": {
        "$ref": "common.v1.json#/$defs/image"
      },
      "parents": {
        "type": "array",
        "items": {
          "$ref": "common.v1.json#/$defs/parent"
        },
        "maxItems": 1000
      },
      "timings": {
        "anyOf": [
          {
            "$ref": "common.v1.json#/$defs/timings"
          },
          {
            "type": "null"
          }
        ]
      },
      "log": {
        "anyOf": [
          {
            "$ref": "common.v1.json#/$defs/digest"
          },
          {
            "type": "null"
          }
        ]
      },
      "process": {
        "$ref": "common.v1.json#/$defs/process"
      }
    },
    "required": [
      "build",
      "image",
      "parents",
      "timings",
      "log",
      "process"
    ],
    "additionalProperties": true
  },
  "build.failed.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.failed.v1.json",
    "title": "A build ended without an image",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/build"
      },
      "failure": {
        "$ref": "common.v1.json#/$defs/failure"
      },
      "parents": {
        "type": "array",
        "items": {
          "$ref": "common.v1.json#/$defs/parent"
        },
        "maxItems": 1000
      },
      "timings": {
        "anyOf": [
          {
            "$ref": "common.v1.json#/$defs/timings"
          },
          {
            "type": "null"
          }
        ]
      },
      "log": {
        "anyOf": [
          {
            "$ref": "common.v1.json#/$defs/digest"
          },
          {
            "type": "null"
          }
        ]
      },
      "process": {
        "$ref": "common.v1.json#/$defs/process"
      }
    },
    "required": [
      "build",
      "failure",
      "parents",
      "timings",
      "log",
      "process"
    ],
    "additionalProperties": true
  },
  "build.output.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.output.v1.json",
    "title": "Lines of output, live",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/uuid"
      },
      "attempt": {
        "type": "integer",
        "minimum": 1
      },
      "first": {
        "type": "integer",
        "minimum": 0,
        "description": "Number of the first line, from 0."
      },
      "lines": {
        "type": "array",
        "items": {
          "type": "string"
        },
        "maxItems": 10000
      }
    },
    "required": [
      "build",
      "attempt",
      "first",
      "lines"
    ],
    "additionalProperties": true
  },
  "build.requested.cascade.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.requested.cascade.v1.json",
    "title": "A build is asked for by a wave or reconcile",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/build"
      }
    },
    "required": [
      "build"
    ],
    "additionalProperties": true
  },
  "build.requested.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.requested.v1.json",
    "title": "A build is asked for by a push or a person",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/build"
      }
    },
    "required": [
      "build"
    ],
    "additionalProperties": true
  },
  "build.skipped.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.skipped.v1.json",
    "title": "A build is not begun, and why",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/build"
      },
      "reason": {
        "type": "object",
        "properties": {
          "code": {
            "type": "string",
            "maxLength": 64
          },
          "message": {
            "type": "string",
            "maxLength": 2048
          }
        },
        "required": [
          "code",
          "message"
        ],
        "additionalProperties": true
      },
      "waiting_for": {
        "type": "array",
        "items": {
          "type": "string",
          "maxLength": 1024
        },
        "maxItems": 1000,
        "description": "Parents that must be there first."
      }
    },
    "required": [
      "build",
      "reason",
      "waiting_for"
    ],
    "additionalProperties": true
  },
  "build.started.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/build.started.v1.json",
    "title": "A process has begun a build",
    "type": "object",
    "properties": {
      "build": {
        "$ref": "common.v1.json#/$defs/build"
      },
      "process": {
        "$ref": "common.v1.json#/$defs/process"
      }
    },
    "required": [
      "build",
      "process"
    ],
    "additionalProperties": true
  },
  "common.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/common.v1.json",
    "title": "Common parts of Layerwright messages",
    "$defs": {
      "uuid": {
        "type": "string",
        "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
      },
      "digest": {
        "type": "string",
        "pattern": "^sha256:[0-9a-f]{64}$"
      },
      "commit": {
        "type": "string",
        "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$",
        "description": "A full git object name."
      },
      "component": {
        "type": "string",
        "pattern": "^[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*$",
        "maxLength": 200
      },
      "target": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"
      },
      "kind": {
        "type": "string",
        "enum": [
          "official",
          "isolated",
          "scratch"
        ]
      },
      "source": {
        "type": "object",
        "properties": {
          "repository": {
            "type": "string",
            "maxLength": 2048,
            "description": "The URL that is cloned, without credentials."
          },
          "namespace": {
            "type": [
              "string",
              "null"
            ],
            "maxLength": 255
          },
          "branch": {
            "type": "string",
            "maxLength": 255,
            "description": "Short name, as `f41`, or `tags/v1` for a tag."
          },
          "commit": {
            "$ref": "#/$defs/commit"
          },
          "path": {
            "type": "string",
            "maxLength": 1024,
            "description": "Folder of the Dockerfile inside the repository; empty for its root."
          }
        },
        "required": [
          "repository",
          "namespace",
          "branch",
          "commit",
          "path"
        ],
        "additionalProperties": true,
        "description": "What a build is made from."
      },
      "pinnedParent": {
        "type": "object",
        "properties": {
          "name": {
            "type": "string",
            "maxLength": 1024,
            "description": "The parent as the registry knows it, without digest."
          },
          "digest": {
            "$ref": "#/$defs/digest"
          }
        },
        "required": [
          "name",
          "digest"
        ],
        "additionalProperties": true
      },
      "cause": {
        "type": "object",
        "properties": {
          "type": {
            "type": "string",
            "enum": [
              "push",
              "person",
              "rebuild",
              "reconcile",
              "replay"
            ]
          },
          "key": {
            "type": "string",
            "maxLength": 2048,
            "description": "What makes this build another one than the push’s own; part of the id. Empty for a push."
          },
          "message": {
            "type": [
              "string",
              "null"
            ],
            "maxLength": 255,
            "description": "Id of the message that asked."
          },
          "wave": {
            "anyOf": [
              {
                "$ref": "#/$defs/uuid"
              },
              {
                "type": "null"
              }
            ]
          },
          "agent": {
            "type": [
              "string",
              "null"
            ],
            "maxLength": 255
          },
          "reason": {
            "type": [
              "string",
              "null"
            ],
            "maxLength": 1024
          },
          "parents": {
            "anyOf": [
              {
                "type": "array",
                "items": {
                  "$ref": "#/$defs/pinnedParent"
                },
                "maxItems": 1000
              },
              {
                "type": "null"
              }
            ],
            "description": "Parents that a rebuild is to stand on; null where they are resolved at build time."
          }
        },
        "required": [
          "type",
          "key",
          "message",
          "wave",
          "agent",
          "reason",
          "parents"
        ],
        "additionalProperties": true,
        "description": "Why a build was asked for."
      },
      "build": {
        "type": "object",
        "properties": {
          "id": {
            "$ref": "#/$defs/uuid"
          },
          "component": {
            "$ref": "#/$defs/component"
          },
          "target": {
            "$ref": "#/$defs/target"
          },
          "kind": {
            "$ref": "#/$defs/kind"
          },
          "name": {
            "type": [
              "string",
              "null"
            ],
            "maxLength": 255
          },
          "version": {
            "type": [
              "string",
              "null"
            ],
            "maxLength": 128
          },
          "release": {
            "type": [
              "string",
              "null"
            ],
            "maxLength": 128
          },
          "nvr": {
            "type": [
              "string",
              "null"
            ],
            "maxLength": 512
          },
          "source": {
            "$ref": "#/$defs/source"
          },
          "cause": {
            "$ref": "#/$defs/cause"
          },
          "build_args": {
            "type": "object",
            "additionalProperties": {
              "type": "string",
              "maxLength": 4096
            },
            "description": "Part of the id."
          },
          "attempt": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000
          }
        },
        "required": [
          "id",
          "component",
          "target",
          "kind",
          "name",
          "version",
          "release",
          "nvr",
          "source",
          "cause",
          "build_args",
          "attempt"
        ],
        "additionalProperties": true,
        "description": "A build, as every message about it carries it."
      },
      "process": {
        "type": "object",
        "properties": {
          "id": {
            "type": "string",
            "maxLength": 128
          },
          "host": {
            "type": "string",
            "maxLength": 255
          },
          "pid": {
            "type": "integer",
            "minimum": 0
          },
          "version": {
            "type": "string",
            "maxLength": 64
          }
        },
        "required": [
          "id",
          "host",
          "pid",
          "version"
        ],
        "additionalProperties": true,
        "description": "Who did it."
      },
      "parent": {
        "type": "object",
        "properties": {
          "written": {
            "type": "string",
            "maxLength": 1024,
            "description": "As the Dockerfile has it."
          },
          "resolved": {
            "type": "string",
            "maxLength": 1024,
            "description": "As it was looked up."
          },
          "digest": {
            "$ref": "#/$defs/digest"
          },
          "build": {
            "anyOf": [
              {
                "$ref": "#/$defs/uuid"
              },
              {
                "type": "null"
              }
            ],
            "description": "The build of ours that made it, when there is one."
          }
        },
        "required": [
          "written",
          "resolved",
          "digest",
          "build"
        ],
        "additionalProperties": true
      },
      "platform": {
        "type": "object",
        "properties": {
          "platform": {
            "type": "string",
            "maxLength": 64,
            "description": "As `linux/amd64`."
          },
          "digest": {
            "$ref": "#/$defs/digest"
          },
          "size": {
            "type": "integer",
            "minimum": 0,
            "description": "Bytes of manifest, config and layers."
          }
        },
        "required": [
          "platform",
          "digest",
          "size"
        ],
        "additionalProperties": true
      },
      "image": {
        "type": "object",
        "properties": {
          "digest": {
            "$ref": "#/$defs/digest"
          },
          "media_type": {
            "type": "string",
            "maxLength": 255
          },
          "content": {
            "anyOf": [
              {
                "$ref": "#/$defs/digest"
              },
              {
                "type": "null"
              }
            ],
            "description": "An identity of what the image holds, times and build labels aside; null where it was not computed."
          },
          "references": {
            "type": "array",
            "items": {
              "type": "string",
              "maxLength": 1024
            },
            "maxItems": 100
          },
          "platforms": {
            "type": "array",
            "items": {
              "$ref": "#/$defs/platform"
            },
            "maxItems": 100
          }
        },
        "required": [
          "digest",
          "media_type",
          "content",
          "references",
          "platforms"
        ],
        "additionalProperties": true
      },
      "failure": {
        "type": "object",
        "properties": {
          "code": {
            "type": "string",
            "maxLength": 64,
            "description": "One of docs/errors.md."
          },
          "step": {
            "type": "string",
            "maxLength": 64
          },
          "message": {
            "type": "string",
            "maxLength": 2048,
            "description": "One sentence for a maintainer."
          },
          "detail": {
            "type": "string",
            "maxLength": 16384,
            "description": "The last lines of output."
          },
          "transient": {
            "type": "boolean"
          }
        },
        "required": [
          "code",
          "step",
          "message",
          "detail",
          "transient"
        ],
        "additionalProperties": true
      },
      "member": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}/[a-z0-9][a-z0-9._/-]{0,199}$",
        "description": "A component in a target, as `f41/httpd`."
      },
      "wave": {
        "type": "object",
        "properties": {
          "id": {
            "$ref": "#/$defs/uuid"
          },
          "message": {
            "type": "string",
            "maxLength": 255,
            "description": "Id of the message that told of the change which opened the wave. Part of the id."
          },
          "rebuild": {
            "$ref": "#/$defs/uuid",
            "description": "The first rebuild that was wanted when the wave was opened. Part of the id."
          }
        },
        "required": [
          "id",
          "message",
          "rebuild"
        ],
        "additionalProperties": true,
        "description": "Rebuilds of all that stands on images that have changed."
      },
      "timings": {
        "type": "object",
        "description": "Milliseconds by step.",
        "additionalProperties": {
          "type": "number",
          "minimum": 0
        }
      }
    }
  },
  "wave.closed.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/wave.closed.v1.json",
    "title": "All members of a wave have come to an end",
    "type": "object",
    "properties": {
      "wave": {
        "$ref": "common.v1.json#/$defs/wave"
      },
      "results": {
        "type": "array",
        "items": {
          "type": "object",
          "properties": {
            "member": {
              "$ref": "common.v1.json#/$defs/member"
            },
            "outcome": {
              "type": "string",
              "enum": [
                "completed",
                "unchanged",
                "failed",
                "canceled",
                "stopped"
              ],
              "description": "`unchanged`: no parent of it holds anything else than before, or a push has built it meanwhile. `stopped`: a parent failed or was stopped."
            },
            "build": {
              "anyOf": [
                {
                  "$ref": "common.v1.json#/$defs/uuid"
                },
                {
                  "type": "null"
                }
              ],
              "description": "The build of this wave; null where there was none."
            },
            "through": {
              "type": "array",
              "items": {
                "$ref": "common.v1.json#/$defs/member"
              },
              "maxItems": 50000,
              "description": "The parents that stopped it."
            }
          },
          "required": [
            "member",
            "outcome",
            "build",
            "through"
          ],
          "additionalProperties": true
        },
        "maxItems": 50000
      },
      "process": {
        "$ref": "common.v1.json#/$defs/process"
      }
    },
    "required": [
      "wave",
      "results",
      "process"
    ],
    "additionalProperties": true
  },
  "wave.opened.v1": {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://layerwright.dev/schemas/messages/wave.opened.v1.json",
    "title": "Images have changed, and what stands on them is rebuilt",
    "type": "object",
    "properties": {
      "wave": {
        "$ref": "common.v1.json#/$defs/wave"
      },
      "changes": {
        "type": "array",
        "items": {
          "type": "object",
          "properties": {
            "component": {
              "$ref": "common.v1.json#/$defs/component"
            },
            "target": {
              "$ref": "common.v1.json#/$defs/target"
            },
            "build": {
              "$ref": "common.v1.json#/$defs/uuid"
            },
            "nvr": {
              "type": [
                "string",
                "null"
              ],
              "maxLength": 512
            },
            "digest": {
              "$ref": "common.v1.json#/$defs/digest"
            },
            "message": {
              "type": "string",
              "maxLength": 255,
              "description": "Id of the message that told of it."
            }
          },
          "required": [
            "component",
            "target",
            "build",
            "nvr",
            "digest",
            "message"
          ],
          "additionalProperties": true
        },
        "maxItems": 1000,
        "description": "The images that have changed."
      },
      "outside": {
        "type": "array",
        "items": {
          "type": "object",
          "properties": {
            "name": {
              "type": "string",
              "minLength": 1,
              "maxLength": 1024,
              "description": "As it was looked up."
            },
            "digest": {
              "$ref": "common.v1.json#/$defs/digest"
            },
            "seen_at": {
              "type": "string",
              "maxLength": 64,
              "description": "Time at which its registry was first seen to have this digest for it, in ISO 8601."
            }
          },
          "required": [
            "name",
            "digest",
            "seen_at"
          ],
          "additionalProperties": true
        },
        "maxItems": 1000,
        "description": "Images that no build of ours makes and that have changed; of them no message tells."
      },
      "due": {
        "type": "array",
        "items": {
          "$ref": "common.v1.json#/$defs/member"
        },
        "maxItems": 50000,
        "description": "Members whose image is older than the schedule of their target allows."
      },
      "members": {
        "type": "array",
        "items": {
          "$ref": "common.v1.json#/$defs/member"
        },
        "maxItems": 50000,
        "description": "What is rebuilt, each when its own parents are done: parents come before what stands on them."
      },
      "cycles": {
        "type": "array",
        "items": {
          "type": "array",
          "items": {
            "$ref": "common.v1.json#/$defs/member"
          },
          "maxItems": 50000
        },
        "maxItems": 1000,
        "description": "What is left out, as it stands on itself: no order has it right."
      },
      "process": {
        "$ref": "common.v1.json#/$defs/process"
      }
    },
    "required": [
      "wave",
      "changes",
      "members",
      "cycles",
      "process"
    ],
    "additionalProperties": true
  }
};
