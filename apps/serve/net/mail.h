/* mail.h - what other threads bring to a reactor. */
#ifndef OC_SERVE_MAIL_H
#define OC_SERVE_MAIL_H

typedef struct oc_srv_mail {
    struct oc_srv_mail *next;
    void (*arrive)(struct oc_srv_mail *mail); /* on the reactor's thread */
} oc_srv_mail;

#endif
