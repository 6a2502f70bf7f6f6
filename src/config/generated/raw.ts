// Generated from schemas/config by `npm run generate`; not edited by hand.

/**
 * The file, once it is valid and its defaults are filled in.
 */
export interface RawConfig {
  /**
   * Beginning of the topics of our messages: `<prefix>.container.build.requested` and so on.
   */
  prefix: string;
  /**
   * Folder of everything that can be deleted at any time: mirrors, the ledger, logs of running builds; of the embedded bus’s file too, which can’t. Relative to the folder of this file.
   */
  state: string;
  /**
   * Where messages travel. Each kind has keys of its own.
   */
  bus: {
    /**
     * `embedded`: one file, for any number of processes on one machine. `amqp`: RabbitMQ. `nats`: NATS with JetStream.
     */
    kind: 'embedded' | 'amqp' | 'nats';
    /**
     * `embedded`: the file. Null: `bus.db` in `state`.
     */
    path: string | null;
    /**
     * `amqp`: the broker, its path the virtual host (`%2F` is the one called `/`). A password may stand in it, as other clients have it, and is never shown; a file of `credentials` is better.
     */
    url: string | null;
    /**
     * `amqp`, instead of `url`: the nodes of one cluster, tried in turn.
     */
    urls: string[] | null;
    /**
     * `nats`: the servers of one cluster, as `nats://broker.example.org:4222` or `tls://…`, tried in turn.
     */
    servers: string[] | null;
    /**
     * How to come in, by files that are read again at each connection. Null: as the URL says, by the client certificate, or not at all.
     */
    credentials: {
      /**
       * File that holds the user’s name.
       */
      user_file?: string;
      /**
       * File that holds the password.
       */
      password_file?: string;
      /**
       * `nats`, instead: file that holds a token.
       */
      token_file?: string;
      /**
       * `nats`, instead: file of credentials (`.creds`, a JWT with its seed).
       */
      creds_file?: string;
    } | null;
    /**
     * PEM files for TLS. Null: the authorities of the system, and no client certificate.
     */
    tls: {
      /**
       * Authorities that the server’s certificate is checked against. Left out: those of the system.
       */
      ca?: string;
      /**
       * Client certificate. On RabbitMQ, without a user or password elsewhere, it is the login too (SASL EXTERNAL).
       */
      cert?: string;
      /**
       * Key of the client certificate.
       */
      key?: string;
    } | null;
    /**
     * `amqp`, `nats`. True: queues and streams were made by somebody else; they are looked for, never made.
     */
    passive_declares: boolean;
    /**
     * `amqp`: the management API, which `doctor` asks for alarms, policies and permissions. Null: it is not asked.
     */
    management_url: string | null;
    /**
     * `nats`: copies of streams and claims. 3 survive the loss of a server.
     */
    replicas: number;
  };
  /**
   * Where `/healthz`, `/readyz` and `/metrics` are served.
   */
  http: {
    /**
     * Address to listen at. Anything but loopback shows the metrics to the network.
     */
    host: string;
    /**
     * Port to listen at; 0 takes any free one.
     */
    port: number;
  };
  /**
   * Topic patterns of the messages that tell of pushes; `*` is one word, `#` any number. The default is all that are understood; on NATS, which has no `#` at both ends, `#.git.receive` stands for `#.git.receive.#`.
   */
  git_topics: string[];
  /**
   * How long pushes are kept, for replay. Our own messages are kept for ever.
   */
  git_log: {
    /**
     * Pushes older than this go.
     */
    max_age: string;
    /**
     * The oldest pushes go when all together are larger than this.
     */
    max_bytes: string;
  };
  /**
   * Which pushes are ours, and how their repositories are cloned. The first rule that matches is taken; a push that none matches is a stranger’s and is left alone.
   */
  sources: {
    /**
     * What a push must have. A key left out matches everything; in patterns `*` is any run of characters but `/`, `**` any folders.
     */
    match: {
      /**
       * Pattern of the namespace, owner or group.
       */
      namespace?: string;
      /**
       * Pattern of the repository’s name.
       */
      repo?: string;
      /**
       * Pattern of the forge’s host. A push whose message names no host is not matched then.
       */
      host?: string;
    };
    /**
     * URL or local folder to clone from, with `{namespace}` and `{repo}`. Schemes: `https`, `http`, `ssh`, `git`, `file`. Nothing else is ever cloned.
     */
    clone: string;
    /**
     * Name of the component, with `{namespace}` and `{repo}`.
     */
    component: string;
    /**
     * How to come in over `https`.
     */
    credentials: {
      /**
       * File that holds the token or password.
       */
      token_file: string;
      /**
       * User that the token is sent with. Null: what forges take with a token.
       */
      user: string | null;
    } | null;
    /**
     * Allows a host whose address is loopback, link-local or private.
     */
    allow_private: boolean;
  }[];
  /**
   * From a branch or tag to where its images live, by name.
   */
  targets: {
    [k: string]: {
      /**
       * Patterns of branches, or `tags/…` of tags. A tag’s name is the version of what it builds.
       */
      refs: string[];
      /**
       * Suffix of releases, as `.f41` in `17.f41`.
       */
      dist: string;
      /**
       * Version of images whose Dockerfile has no label `version`. Null: such a build fails.
       */
      default_version: string | null;
      /**
       * Where images go in the registry, with `{component}`.
       */
      repository: string;
      /**
       * True: this target owns the tag `latest`. Of the targets that share a repository one can.
       */
      latest: boolean;
      /**
       * Name of the registry that builds are pushed to.
       */
      candidate: string;
      /**
       * Name of the registry that images are promoted to. Null: none are.
       */
      stable: string | null;
      /**
       * Which parent images are allowed, and where they are looked up.
       */
      parents: {
        /**
         * Registries, or registries with a beginning of a path, that parents may come from.
         */
        allow: string[];
        /**
         * Parents that are looked up elsewhere than they are written. The first that matches is taken; a build records both.
         */
        rewrite: {
          /**
           * As the Dockerfile has it; `{path}` is the rest.
           */
          from: string;
          /**
           * Where it is looked up: the name of one of `registries` or a host, then the path.
           */
          to: string;
        }[];
      };
      /**
       * Network of build steps: `none`, the engine’s `host`, or the engine’s `default`.
       */
      network: 'none' | 'host' | 'default';
      /**
       * Bounds of one build.
       */
      limits: {
        /**
         * The engine’s part of a build.
         */
        time: string;
        /**
         * Memory of a build step, where the engine enforces it. Null: no bound.
         */
        memory: string | null;
        /**
         * Cores of a build step, where the engine enforces it. Null: no bound.
         */
        cpu: number | null;
        /**
         * What is sent to the engine.
         */
        context: string;
        /**
         * Output that is kept; more is counted and dropped.
         */
        output: string;
      };
      /**
       * Builds of this target that one builder process runs at a time, counted as `engines[].slots` are. Null: as many as its engines have slots.
       */
      slots: number | null;
      /**
       * Whether the push that makes a branch is built, or only the next one.
       */
      on_branch_create: 'build' | 'skip';
      /**
       * True: pushes are no longer built, and nothing is rebuilt; people may still ask for a build.
       */
      closed: boolean;
      /**
       * Age at which an image is built anew though nothing that it stands on has changed, at least `1h`; for packages, whose repositories announce nothing. Null: never.
       */
      schedule: string | null;
      /**
       * What Dockerfiles may do beyond the usual.
       */
      allow: {
        /**
         * Allows `# syntax=`, which runs a frontend from a registry.
         */
        syntax: boolean;
        /**
         * Allows `ADD <url>`, which no digest pins.
         */
        add_url: boolean;
      };
    };
  };
  /**
   * The exceptions, by component: images that share a repository, and build arguments. Everything else follows from `sources`.
   */
  components: {
    [k: string]: {
      /**
       * `namespace/repo` that holds the image. Null: the one whose rule in `sources` gives this name.
       */
      repository: string | null;
      /**
       * Folder of the Dockerfile, which is also the build’s context. Empty: the root.
       */
      path: string;
      /**
       * Patterns of the paths that the image is made of; a push that touches none of them does not build it. Empty: everything below `path`.
       */
      watch: string[];
      /**
       * Build arguments. They are part of a build’s identity and are seen by everybody: no secrets.
       */
      build_args: {
        [k: string]: string;
      };
      /**
       * True: no longer rebuilt when a parent changes, and out of `layerwright graph`; a push is still built.
       */
      retired: boolean;
    };
  };
  /**
   * Container engines that build.
   */
  engines: {
    /**
     * Address of a Docker-compatible engine. `auto`: `DOCKER_HOST`, Docker’s current context, then the usual sockets of Docker and Podman.
     */
    host: string;
    /**
     * What it builds for. Null: what it runs on.
     */
    platform: string | null;
    /**
     * Builds at one time. One that is pushed gives its slot to the next while it comes to its end (tags, log, cleaning); as many as there are slots may be at that.
     */
    slots: number;
    /**
     * Images and cache that may stay in the engine.
     */
    keep_bytes: string;
  }[];
  /**
   * Registries by name; targets name them.
   */
  registries: {
    [k: string]: {
      /**
       * Scheme, host and port, without a path.
       */
      url: string;
      /**
       * The registry as the engines see it, where that is another address. Null: the same.
       */
      engine_url: string | null;
      /**
       * How to come in: by two files, or by Docker’s own configuration; empty: not at all.
       */
      credentials: {
        /**
         * File that holds the user’s name.
         */
        user_file?: string;
        /**
         * File that holds the password or token.
         */
        password_file?: string;
        /**
         * True: Docker’s own configuration file, helpers included. A path: that file.
         */
        docker_config: boolean | string;
      };
    };
  };
  /**
   * What stays of what can be made again; the rest goes, the oldest first. `engines[].keep_bytes` bounds images.
   */
  keep: {
    /**
     * Time between two rounds of house-keeping of a process with the role `builder`.
     */
    every: string;
    /**
     * Newest builds of each component and target whose unique tag, attempts and logs stay in the candidate registry, whatever their age.
     */
    builds: number;
    /**
     * Time after its end for which every build’s tags stay, and its local log.
     */
    age: string;
    /**
     * Git mirrors that may stay in `state`.
     */
    mirror_bytes: string;
    /**
     * Local build logs that may stay in `state`.
     */
    log_bytes: string;
  };
  /**
   * How builds are dealt with.
   */
  build: {
    /**
     * Attempts that end in a transient failure before a build fails for good.
     */
    max_attempts: number;
    /**
     * Let a push wait while another one of its component builds, and call its build off when a newer commit was asked for before it began; call a rebuild off when a newer build stands on its parents. False: everything is built that is asked for.
     */
    supersede: boolean;
    /**
     * Time for which a build waits, in the queue, for a git host that is away, before it fails with `source_unavailable`; and a push whose changed paths only git knows, before everything is built. Each process counts for itself; 0s waits for nothing.
     */
    source_patience: string;
  };
  /**
   * How what stands on an image that has changed is rebuilt.
   */
  rebuilds: {
    /**
     * Time for which no other image may have changed before rebuilds begin: changes that come one after the other make one wave.
     */
    quiet: string;
    /**
     * Time after which they begin all the same, counted from the first change.
     */
    deadline: string;
    /**
     * Time between two looks for what no message told: heads of branches, names of images. The first look is at the start; `off`: only `layerwright reconcile` looks.
     */
    reconcile: string;
    /**
     * Time between two questions to a registry for the digest of each image that others make and something of ours stands on; spread a little. `off`: they are not asked.
     */
    poll: string;
    /**
     * Such questions to one registry in a minute, at most.
     */
    polls_per_minute: number;
  };
}
