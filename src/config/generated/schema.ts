// Generated from schemas/config by `npm run generate`; not edited by hand.
import type { JsonObject } from '../../kernel/json.js';

export const CONFIG_SCHEMA: JsonObject = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "https://layerwright.dev/schemas/config/config.v1.json",
  "title": "Configuration of Layerwright",
  "type": "object",
  "properties": {
    "prefix": {
      "type": "string",
      "title": "a topic prefix",
      "pattern": "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$",
      "maxLength": 120,
      "examples": [
        "org.example.prod"
      ],
      "description": "Beginning of the topics of our messages: `<prefix>.container.build.requested` and so on."
    },
    "state": {
      "type": "string",
      "title": "a path",
      "minLength": 1,
      "default": ".layerwright",
      "description": "Folder of everything that can be deleted at any time: mirrors, the ledger, logs of running builds; of the embedded bus’s file too, which can’t. Relative to the folder of this file."
    },
    "bus": {
      "type": "object",
      "additionalProperties": false,
      "default": {},
      "description": "Where messages travel. Each kind has keys of its own.",
      "properties": {
        "kind": {
          "type": "string",
          "enum": [
            "embedded",
            "amqp",
            "nats"
          ],
          "default": "embedded",
          "description": "`embedded`: one file, for any number of processes on one machine. `amqp`: RabbitMQ. `nats`: NATS with JetStream."
        },
        "path": {
          "type": [
            "string",
            "null"
          ],
          "title": "a path",
          "minLength": 1,
          "default": null,
          "description": "`embedded`: the file. Null: `bus.db` in `state`."
        },
        "url": {
          "type": [
            "string",
            "null"
          ],
          "title": "a URL",
          "minLength": 1,
          "maxLength": 2048,
          "default": null,
          "examples": [
            "amqps://broker.example.org/%2F"
          ],
          "description": "`amqp`: the broker, its path the virtual host (`%2F` is the one called `/`). A password may stand in it, as other clients have it, and is never shown; a file of `credentials` is better."
        },
        "urls": {
          "type": [
            "array",
            "null"
          ],
          "minItems": 1,
          "maxItems": 20,
          "items": {
            "type": "string",
            "title": "URL",
            "minLength": 1,
            "maxLength": 2048
          },
          "default": null,
          "description": "`amqp`, instead of `url`: the nodes of one cluster, tried in turn."
        },
        "servers": {
          "type": [
            "array",
            "null"
          ],
          "minItems": 1,
          "maxItems": 20,
          "items": {
            "type": "string",
            "title": "URL",
            "minLength": 1,
            "maxLength": 2048,
            "examples": [
              "nats://broker.example.org:4222"
            ]
          },
          "default": null,
          "description": "`nats`: the servers of one cluster, as `nats://broker.example.org:4222` or `tls://…`, tried in turn."
        },
        "credentials": {
          "type": [
            "object",
            "null"
          ],
          "additionalProperties": false,
          "dependentRequired": {
            "user_file": [
              "password_file"
            ],
            "password_file": [
              "user_file"
            ]
          },
          "default": null,
          "description": "How to come in, by files that are read again at each connection. Null: as the URL says, by the client certificate, or not at all.",
          "properties": {
            "user_file": {
              "type": "string",
              "title": "a path",
              "minLength": 1,
              "examples": [
                "/run/secrets/bus-user"
              ],
              "description": "File that holds the user’s name."
            },
            "password_file": {
              "type": "string",
              "title": "a path",
              "minLength": 1,
              "examples": [
                "/run/secrets/bus-password"
              ],
              "description": "File that holds the password."
            },
            "token_file": {
              "type": "string",
              "title": "a path",
              "minLength": 1,
              "examples": [
                "/run/secrets/bus-token"
              ],
              "description": "`nats`, instead: file that holds a token."
            },
            "creds_file": {
              "type": "string",
              "title": "a path",
              "minLength": 1,
              "examples": [
                "/run/secrets/bus.creds"
              ],
              "description": "`nats`, instead: file of credentials (`.creds`, a JWT with its seed)."
            }
          }
        },
        "tls": {
          "type": [
            "object",
            "null"
          ],
          "additionalProperties": false,
          "dependentRequired": {
            "cert": [
              "key"
            ],
            "key": [
              "cert"
            ]
          },
          "default": null,
          "description": "PEM files for TLS. Null: the authorities of the system, and no client certificate.",
          "properties": {
            "ca": {
              "type": "string",
              "title": "a path",
              "minLength": 1,
              "examples": [
                "/etc/layerwright/ca.pem"
              ],
              "description": "Authorities that the server’s certificate is checked against. Left out: those of the system."
            },
            "cert": {
              "type": "string",
              "title": "a path",
              "minLength": 1,
              "examples": [
                "/etc/layerwright/cert.pem"
              ],
              "description": "Client certificate. On RabbitMQ, without a user or password elsewhere, it is the login too (SASL EXTERNAL)."
            },
            "key": {
              "type": "string",
              "title": "a path",
              "minLength": 1,
              "examples": [
                "/etc/layerwright/key.pem"
              ],
              "description": "Key of the client certificate."
            }
          }
        },
        "passive_declares": {
          "type": "boolean",
          "default": false,
          "description": "`amqp`, `nats`. True: queues and streams were made by somebody else; they are looked for, never made."
        },
        "management_url": {
          "type": [
            "string",
            "null"
          ],
          "title": "a URL",
          "minLength": 1,
          "maxLength": 2048,
          "default": null,
          "examples": [
            "https://broker.example.org:15671"
          ],
          "description": "`amqp`: the management API, which `doctor` asks for alarms, policies and permissions. Null: it is not asked."
        },
        "replicas": {
          "type": "integer",
          "minimum": 1,
          "maximum": 5,
          "default": 1,
          "description": "`nats`: copies of streams and claims. 3 survive the loss of a server."
        }
      }
    },
    "http": {
      "type": "object",
      "additionalProperties": false,
      "default": {},
      "description": "Where `/healthz`, `/readyz` and `/metrics` are served.",
      "properties": {
        "host": {
          "type": "string",
          "minLength": 1,
          "default": "127.0.0.1",
          "description": "Address to listen at. Anything but loopback shows the metrics to the network."
        },
        "port": {
          "type": "integer",
          "minimum": 0,
          "maximum": 65535,
          "default": 8087,
          "description": "Port to listen at; 0 takes any free one."
        }
      }
    },
    "git_topics": {
      "type": "array",
      "minItems": 1,
      "maxItems": 100,
      "items": {
        "type": "string",
        "title": "a topic pattern",
        "pattern": "^(#|\\*|[A-Za-z0-9_-]+)(\\.(#|\\*|[A-Za-z0-9_-]+))*$",
        "maxLength": 200,
        "examples": [
          "#.git.receive.#"
        ]
      },
      "default": [
        "#.pagure.git.tag.creation",
        "#.git.receive.#",
        "#.infragit.receive",
        "#.github.push",
        "#.gitlab.push",
        "#.gitlab.tag_push",
        "#.forgejo.push",
        "#.gitea.push"
      ],
      "description": "Topic patterns of the messages that tell of pushes; `*` is one word, `#` any number. The default is all that are understood; on NATS, which has no `#` at both ends, `#.git.receive` stands for `#.git.receive.#`."
    },
    "git_log": {
      "type": "object",
      "additionalProperties": false,
      "default": {},
      "description": "How long pushes are kept, for replay. Our own messages are kept for ever.",
      "properties": {
        "max_age": {
          "$ref": "#/$defs/duration",
          "default": "30d",
          "description": "Pushes older than this go."
        },
        "max_bytes": {
          "$ref": "#/$defs/bytes",
          "default": "5g",
          "description": "The oldest pushes go when all together are larger than this."
        }
      }
    },
    "sources": {
      "type": "array",
      "minItems": 1,
      "maxItems": 1000,
      "description": "Which pushes are ours, and how their repositories are cloned. The first rule that matches is taken; a push that none matches is a stranger’s and is left alone.",
      "items": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "match",
          "clone"
        ],
        "properties": {
          "match": {
            "type": "object",
            "additionalProperties": false,
            "description": "What a push must have. A key left out matches everything; in patterns `*` is any run of characters but `/`, `**` any folders.",
            "properties": {
              "namespace": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "examples": [
                  "container"
                ],
                "description": "Pattern of the namespace, owner or group."
              },
              "repo": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "examples": [
                  "httpd",
                  "*-image"
                ],
                "description": "Pattern of the repository’s name."
              },
              "host": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "examples": [
                  "github.com"
                ],
                "description": "Pattern of the forge’s host. A push whose message names no host is not matched then."
              }
            }
          },
          "clone": {
            "type": "string",
            "title": "a clone URL",
            "minLength": 1,
            "maxLength": 2048,
            "examples": [
              "https://src.example.org/{namespace}/{repo}.git"
            ],
            "description": "URL or local folder to clone from, with `{namespace}` and `{repo}`. Schemes: `https`, `http`, `ssh`, `git`, `file`. Nothing else is ever cloned."
          },
          "component": {
            "type": "string",
            "title": "a component’s name",
            "minLength": 1,
            "maxLength": 200,
            "default": "{repo}",
            "examples": [
              "{repo}",
              "{namespace}/{repo}"
            ],
            "description": "Name of the component, with `{namespace}` and `{repo}`."
          },
          "credentials": {
            "type": [
              "object",
              "null"
            ],
            "additionalProperties": false,
            "required": [
              "token_file"
            ],
            "default": null,
            "description": "How to come in over `https`.",
            "properties": {
              "token_file": {
                "type": "string",
                "title": "a path",
                "minLength": 1,
                "examples": [
                  "/run/secrets/git"
                ],
                "description": "File that holds the token or password."
              },
              "user": {
                "type": [
                  "string",
                  "null"
                ],
                "minLength": 1,
                "maxLength": 255,
                "default": null,
                "description": "User that the token is sent with. Null: what forges take with a token."
              }
            }
          },
          "allow_private": {
            "type": "boolean",
            "default": false,
            "description": "Allows a host whose address is loopback, link-local or private."
          }
        }
      }
    },
    "targets": {
      "type": "object",
      "minProperties": 1,
      "maxProperties": 1000,
      "propertyNames": {
        "title": "a target’s name",
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        "examples": [
          "f41"
        ]
      },
      "description": "From a branch or tag to where its images live, by name.",
      "additionalProperties": {
        "$ref": "#/$defs/target"
      }
    },
    "components": {
      "type": "object",
      "maxProperties": 10000,
      "default": {},
      "propertyNames": {
        "title": "a component’s name",
        "pattern": "^[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*$",
        "maxLength": 200,
        "examples": [
          "httpd"
        ]
      },
      "description": "The exceptions, by component: images that share a repository, and build arguments. Everything else follows from `sources`.",
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "repository": {
            "type": [
              "string",
              "null"
            ],
            "title": "a repository",
            "pattern": "^[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*$",
            "maxLength": 255,
            "default": null,
            "examples": [
              "container/monorepo"
            ],
            "description": "`namespace/repo` that holds the image. Null: the one whose rule in `sources` gives this name."
          },
          "path": {
            "type": "string",
            "title": "a path inside the repository",
            "pattern": "^(?!/)(?!.*(^|/)\\.{1,2}(/|$))(?!.*//)(?!.*/$).*$",
            "maxLength": 1024,
            "default": "",
            "examples": [
              "images/tools"
            ],
            "description": "Folder of the Dockerfile, which is also the build’s context. Empty: the root."
          },
          "watch": {
            "type": "array",
            "maxItems": 1000,
            "default": [],
            "items": {
              "type": "string",
              "title": "a path pattern inside the repository",
              "pattern": "^(?!/)(?!.*(^|/)\\.{1,2}(/|$))(?!.*//).+$",
              "maxLength": 1024,
              "examples": [
                "images/tools/**",
                "lib/**"
              ]
            },
            "description": "Patterns of the paths that the image is made of; a push that touches none of them does not build it. Empty: everything below `path`."
          },
          "build_args": {
            "type": "object",
            "maxProperties": 200,
            "default": {},
            "propertyNames": {
              "title": "a build argument’s name",
              "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
              "maxLength": 128,
              "examples": [
                "LANG"
              ]
            },
            "additionalProperties": {
              "type": "string",
              "maxLength": 4096,
              "examples": [
                "C.UTF-8"
              ]
            },
            "description": "Build arguments. They are part of a build’s identity and are seen by everybody: no secrets."
          },
          "retired": {
            "type": "boolean",
            "default": false,
            "description": "True: no longer rebuilt when a parent changes, and out of `layerwright graph`; a push is still built."
          }
        }
      }
    },
    "engines": {
      "type": "array",
      "minItems": 1,
      "maxItems": 100,
      "default": [
        {}
      ],
      "description": "Container engines that build.",
      "items": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "host": {
            "type": "string",
            "title": "an engine’s address",
            "pattern": "^(auto|unix:///.+|tcp://[^/]+|https?://[^/]+)$",
            "maxLength": 1024,
            "default": "auto",
            "examples": [
              "auto",
              "unix:///var/run/docker.sock",
              "tcp://127.0.0.1:2375"
            ],
            "description": "Address of a Docker-compatible engine. `auto`: `DOCKER_HOST`, Docker’s current context, then the usual sockets of Docker and Podman."
          },
          "platform": {
            "type": [
              "string",
              "null"
            ],
            "title": "a platform",
            "pattern": "^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$",
            "default": null,
            "examples": [
              "linux/amd64"
            ],
            "description": "What it builds for. Null: what it runs on."
          },
          "slots": {
            "type": "integer",
            "minimum": 1,
            "maximum": 256,
            "default": 2,
            "description": "Builds at one time. One that is pushed gives its slot to the next while it comes to its end (tags, log, cleaning); as many as there are slots may be at that."
          },
          "keep_bytes": {
            "$ref": "#/$defs/bytes",
            "default": "20g",
            "description": "Images and cache that may stay in the engine."
          }
        }
      }
    },
    "registries": {
      "type": "object",
      "minProperties": 1,
      "maxProperties": 100,
      "propertyNames": {
        "title": "a registry’s name",
        "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$",
        "examples": [
          "candidate"
        ]
      },
      "description": "Registries by name; targets name them.",
      "additionalProperties": {
        "type": "object",
        "additionalProperties": false,
        "required": [
          "url"
        ],
        "properties": {
          "url": {
            "type": "string",
            "title": "a registry’s URL",
            "pattern": "^https?://[^/@?#]+/?$",
            "maxLength": 1024,
            "examples": [
              "https://registry.example.org",
              "http://127.0.0.1:5000"
            ],
            "description": "Scheme, host and port, without a path."
          },
          "engine_url": {
            "type": [
              "string",
              "null"
            ],
            "title": "a registry’s URL",
            "pattern": "^https?://[^/@?#]+/?$",
            "maxLength": 1024,
            "default": null,
            "examples": [
              "http://registry:5000"
            ],
            "description": "The registry as the engines see it, where that is another address. Null: the same."
          },
          "credentials": {
            "type": "object",
            "additionalProperties": false,
            "default": {},
            "dependentRequired": {
              "user_file": [
                "password_file"
              ],
              "password_file": [
                "user_file"
              ]
            },
            "description": "How to come in: by two files, or by Docker’s own configuration; empty: not at all.",
            "properties": {
              "user_file": {
                "type": "string",
                "title": "a path",
                "minLength": 1,
                "examples": [
                  "/run/secrets/registry-user"
                ],
                "description": "File that holds the user’s name."
              },
              "password_file": {
                "type": "string",
                "title": "a path",
                "minLength": 1,
                "examples": [
                  "/run/secrets/registry-password"
                ],
                "description": "File that holds the password or token."
              },
              "docker_config": {
                "type": [
                  "boolean",
                  "string"
                ],
                "title": "true, false or a path",
                "minLength": 1,
                "default": false,
                "examples": [
                  true,
                  "/etc/layerwright/docker.json"
                ],
                "description": "True: Docker’s own configuration file, helpers included. A path: that file."
              }
            }
          }
        }
      }
    },
    "keep": {
      "type": "object",
      "additionalProperties": false,
      "default": {},
      "description": "What stays of what can be made again; the rest goes, the oldest first. `engines[].keep_bytes` bounds images.",
      "properties": {
        "every": {
          "$ref": "#/$defs/duration",
          "default": "1h",
          "description": "Time between two rounds of house-keeping of a process with the role `builder`."
        },
        "builds": {
          "type": "integer",
          "minimum": 1,
          "maximum": 10000,
          "default": 20,
          "description": "Newest builds of each component and target whose unique tag, attempts and logs stay in the candidate registry, whatever their age."
        },
        "age": {
          "$ref": "#/$defs/duration",
          "default": "30d",
          "description": "Time after its end for which every build’s tags stay, and its local log."
        },
        "mirror_bytes": {
          "$ref": "#/$defs/bytes",
          "default": "20g",
          "description": "Git mirrors that may stay in `state`."
        },
        "log_bytes": {
          "$ref": "#/$defs/bytes",
          "default": "1g",
          "description": "Local build logs that may stay in `state`."
        }
      }
    },
    "build": {
      "type": "object",
      "additionalProperties": false,
      "default": {},
      "description": "How builds are dealt with.",
      "properties": {
        "max_attempts": {
          "type": "integer",
          "minimum": 1,
          "maximum": 100,
          "default": 5,
          "description": "Attempts that end in a transient failure before a build fails for good."
        },
        "supersede": {
          "type": "boolean",
          "default": true,
          "description": "Let a push wait while another one of its component builds, and call its build off when a newer commit was asked for before it began; call a rebuild off when a newer build stands on its parents. False: everything is built that is asked for."
        },
        "source_patience": {
          "$ref": "#/$defs/duration",
          "default": "1h",
          "description": "Time for which a build waits, in the queue, for a git host that is away, before it fails with `source_unavailable`; and a push whose changed paths only git knows, before everything is built. Each process counts for itself; 0s waits for nothing."
        }
      }
    },
    "rebuilds": {
      "type": "object",
      "additionalProperties": false,
      "default": {},
      "description": "How what stands on an image that has changed is rebuilt.",
      "properties": {
        "quiet": {
          "$ref": "#/$defs/duration",
          "default": "10s",
          "description": "Time for which no other image may have changed before rebuilds begin: changes that come one after the other make one wave."
        },
        "deadline": {
          "$ref": "#/$defs/duration",
          "default": "5m",
          "description": "Time after which they begin all the same, counted from the first change."
        },
        "reconcile": {
          "type": "string",
          "title": "a duration or off",
          "pattern": "^(off|[1-9][0-9]{0,8}(ms|s|m|h|d))$",
          "default": "1h",
          "examples": [
            "15m",
            "1h",
            "off"
          ],
          "description": "Time between two looks for what no message told: heads of branches, names of images. The first look is at the start; `off`: only `layerwright reconcile` looks."
        },
        "poll": {
          "type": "string",
          "title": "a duration or off",
          "pattern": "^(off|0|[1-9][0-9]{0,8}(ms|s|m|h|d))$",
          "default": "15m",
          "examples": [
            "15m",
            "1h",
            "off"
          ],
          "description": "Time between two questions to a registry for the digest of each image that others make and something of ours stands on; spread a little. `off`: they are not asked."
        },
        "polls_per_minute": {
          "type": "integer",
          "minimum": 1,
          "maximum": 6000,
          "default": 30,
          "description": "Such questions to one registry in a minute, at most."
        }
      }
    }
  },
  "required": [
    "prefix",
    "sources",
    "targets",
    "registries"
  ],
  "additionalProperties": false,
  "$defs": {
    "duration": {
      "type": "string",
      "title": "a duration",
      "pattern": "^[1-9][0-9]{0,8}(ms|s|m|h|d)$",
      "examples": [
        "90s",
        "30m",
        "2h",
        "30d"
      ]
    },
    "bytes": {
      "type": "string",
      "title": "a size",
      "pattern": "^[1-9][0-9]{0,11}[kmgt]?$",
      "examples": [
        "512m",
        "2g"
      ]
    },
    "target": {
      "type": "object",
      "additionalProperties": false,
      "required": [
        "refs"
      ],
      "properties": {
        "refs": {
          "type": "array",
          "minItems": 1,
          "maxItems": 100,
          "items": {
            "type": "string",
            "title": "a branch or tag pattern",
            "minLength": 1,
            "maxLength": 255,
            "examples": [
              "f41",
              "release-*",
              "tags/v*"
            ]
          },
          "description": "Patterns of branches, or `tags/…` of tags. A tag’s name is the version of what it builds."
        },
        "dist": {
          "type": "string",
          "title": "a suffix of releases",
          "pattern": "^[A-Za-z0-9._-]*$",
          "maxLength": 32,
          "default": "",
          "examples": [
            ".f41"
          ],
          "description": "Suffix of releases, as `.f41` in `17.f41`."
        },
        "default_version": {
          "type": [
            "string",
            "null"
          ],
          "title": "a version",
          "pattern": "^[A-Za-z0-9._+~^-]+$",
          "maxLength": 128,
          "default": null,
          "examples": [
            "0",
            "1.10"
          ],
          "description": "Version of images whose Dockerfile has no label `version`. Null: such a build fails."
        },
        "repository": {
          "type": "string",
          "title": "a repository in the registry",
          "minLength": 1,
          "maxLength": 255,
          "default": "{component}",
          "examples": [
            "f41/{component}"
          ],
          "description": "Where images go in the registry, with `{component}`."
        },
        "latest": {
          "type": "boolean",
          "default": false,
          "description": "True: this target owns the tag `latest`. Of the targets that share a repository one can."
        },
        "candidate": {
          "type": "string",
          "minLength": 1,
          "default": "candidate",
          "description": "Name of the registry that builds are pushed to."
        },
        "stable": {
          "type": [
            "string",
            "null"
          ],
          "minLength": 1,
          "default": null,
          "description": "Name of the registry that images are promoted to. Null: none are."
        },
        "parents": {
          "type": "object",
          "additionalProperties": false,
          "default": {},
          "description": "Which parent images are allowed, and where they are looked up.",
          "properties": {
            "allow": {
              "type": "array",
              "maxItems": 1000,
              "default": [],
              "items": {
                "type": "string",
                "title": "a registry",
                "minLength": 1,
                "maxLength": 1024,
                "examples": [
                  "registry.example.org",
                  "docker.io/library"
                ]
              },
              "description": "Registries, or registries with a beginning of a path, that parents may come from."
            },
            "rewrite": {
              "type": "array",
              "maxItems": 1000,
              "default": [],
              "description": "Parents that are looked up elsewhere than they are written. The first that matches is taken; a build records both.",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": [
                  "from",
                  "to"
                ],
                "properties": {
                  "from": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "examples": [
                      "registry.example.org/{path}"
                    ],
                    "description": "As the Dockerfile has it; `{path}` is the rest."
                  },
                  "to": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "examples": [
                      "candidate/{path}"
                    ],
                    "description": "Where it is looked up: the name of one of `registries` or a host, then the path."
                  }
                }
              }
            }
          }
        },
        "network": {
          "type": "string",
          "enum": [
            "none",
            "host",
            "default"
          ],
          "default": "none",
          "description": "Network of build steps: `none`, the engine’s `host`, or the engine’s `default`."
        },
        "limits": {
          "type": "object",
          "additionalProperties": false,
          "default": {},
          "description": "Bounds of one build.",
          "properties": {
            "time": {
              "$ref": "#/$defs/duration",
              "default": "30m",
              "description": "The engine’s part of a build."
            },
            "memory": {
              "type": [
                "string",
                "null"
              ],
              "title": "a size",
              "pattern": "^[1-9][0-9]{0,11}[kmgt]?$",
              "examples": [
                "512m",
                "2g"
              ],
              "default": "2g",
              "description": "Memory of a build step, where the engine enforces it. Null: no bound."
            },
            "cpu": {
              "type": [
                "number",
                "null"
              ],
              "exclusiveMinimum": 0,
              "maximum": 1024,
              "default": null,
              "examples": [
                2,
                0.5
              ],
              "description": "Cores of a build step, where the engine enforces it. Null: no bound."
            },
            "context": {
              "$ref": "#/$defs/bytes",
              "default": "1g",
              "description": "What is sent to the engine."
            },
            "output": {
              "$ref": "#/$defs/bytes",
              "default": "50m",
              "description": "Output that is kept; more is counted and dropped."
            }
          }
        },
        "slots": {
          "type": [
            "integer",
            "null"
          ],
          "minimum": 1,
          "maximum": 256,
          "default": null,
          "examples": [
            1
          ],
          "description": "Builds of this target that one builder process runs at a time, counted as `engines[].slots` are. Null: as many as its engines have slots."
        },
        "on_branch_create": {
          "type": "string",
          "enum": [
            "build",
            "skip"
          ],
          "default": "build",
          "description": "Whether the push that makes a branch is built, or only the next one."
        },
        "closed": {
          "type": "boolean",
          "default": false,
          "description": "True: pushes are no longer built, and nothing is rebuilt; people may still ask for a build."
        },
        "schedule": {
          "type": [
            "string",
            "null"
          ],
          "title": "a duration",
          "pattern": "^[1-9][0-9]{0,8}(ms|s|m|h|d)$",
          "default": null,
          "examples": [
            "7d"
          ],
          "description": "Age at which an image is built anew though nothing that it stands on has changed, at least `1h`; for packages, whose repositories announce nothing. Null: never."
        },
        "allow": {
          "type": "object",
          "additionalProperties": false,
          "default": {},
          "description": "What Dockerfiles may do beyond the usual.",
          "properties": {
            "syntax": {
              "type": "boolean",
              "default": false,
              "description": "Allows `# syntax=`, which runs a frontend from a registry."
            },
            "add_url": {
              "type": "boolean",
              "default": false,
              "description": "Allows `ADD <url>`, which no digest pins."
            }
          }
        }
      }
    }
  }
};
